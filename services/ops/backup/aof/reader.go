package aof

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// The errors of a file that is none of Redis's append-only files, or not whole.
var (
	// ErrBroken says that the file is damaged: Redis would not write this.
	ErrBroken = errors.New("the append-only file is damaged")
	// ErrCutOff says that the file ends within a command.
	ErrCutOff = errors.New("the append-only file ends within a command")
)

// Bounds of what is read: Redis's own for the numbers, and small ones for what is kept.
const (
	mostWords     = 1 << 20
	mostWordBytes = 512 << 20
	lineBytes     = 32
	// keptWords and keptBytes bound what is kept of one command.
	keptWords = 10
	keptBytes = 64
)

// reader reads commands one after the other. Its memory does not grow with the file.
type reader struct {
	in     *bufio.Reader
	offset int64 // in bytes, after what was read
}

func newReader(in io.Reader) *reader { return &reader{in: bufio.NewReaderSize(in, 64<<10)} }

// command is the begin of a command's words; words and their bytes beyond a bound are left out.
type command []string

// word is the word at a place, "" where there is none.
func (c command) word(at int) string {
	if at >= len(c) {
		return ""
	}
	return c[at]
}

// next reads a command. The error is io.EOF at the end of the file, between two commands.
func (r *reader) next() (command, error) {
	for {
		first, err := r.in.Peek(1)
		if err != nil {
			return nil, err // io.EOF is the end between two commands
		}
		if first[0] != '#' {
			break
		}
		if _, err := r.line(); err != nil { // a time that Redis notes, if it is told to
			return nil, err
		}
	}
	words, err := r.count('*', mostWords)
	if err != nil {
		return nil, err
	}
	if words == 0 {
		return nil, fmt.Errorf("%w: a command without words at byte %d", ErrBroken, r.offset)
	}
	found := make(command, 0, min(words, keptWords))
	for range words {
		word, err := r.word(len(found) < keptWords)
		if err != nil {
			return nil, err
		}
		if len(found) < keptWords {
			found = append(found, word)
		}
	}
	return found, nil
}

// word reads one word, and keeps its begin if that is wanted.
func (r *reader) word(wanted bool) (string, error) {
	length, err := r.count('$', mostWordBytes)
	if err != nil {
		return "", err
	}
	var kept []byte
	if wanted {
		kept = make([]byte, min(length, keptBytes))
		if err := r.full(kept); err != nil {
			return "", err
		}
	}
	if err := r.discard(length - len(kept)); err != nil {
		return "", err
	}
	var end [2]byte
	if err := r.full(end[:]); err != nil {
		return "", err
	}
	if string(end[:]) != "\r\n" {
		return "", fmt.Errorf("%w: a word is longer than it says, at byte %d", ErrBroken, r.offset)
	}
	return string(kept), nil
}

func (r *reader) full(into []byte) error {
	n, err := io.ReadFull(r.in, into)
	r.offset += int64(n)
	return cutOff(err)
}

func (r *reader) discard(n int) error {
	done, err := r.in.Discard(n)
	r.offset += int64(done)
	return cutOff(err)
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrCutOff
	}
	return err
}

// count reads a line with a mark and a number from 0 to most.
func (r *reader) count(mark byte, most int) (int, error) {
	at := r.offset
	line, err := r.line()
	if err != nil {
		return 0, err
	}
	if len(line) < 2 || line[0] != mark {
		return 0, fmt.Errorf("%w: %.20q at byte %d, not %q and a number", ErrBroken, line, at, mark)
	}
	n, err := strconv.ParseUint(string(line[1:]), 10, 32)
	if err != nil || int(n) > most {
		return 0, fmt.Errorf("%w: %.20q at byte %d is no number up to %d", ErrBroken, line, at, most)
	}
	return int(n), nil
}

// line reads up to the end of a short line, which it leaves out.
func (r *reader) line() ([]byte, error) {
	line := make([]byte, 0, lineBytes)
	for len(line) < lineBytes {
		b, err := r.in.ReadByte()
		if err != nil {
			return nil, cutOff(err)
		}
		r.offset++
		if b == '\n' {
			if len(line) == 0 || line[len(line)-1] != '\r' {
				return nil, fmt.Errorf("%w: a line without its end at byte %d", ErrBroken, r.offset)
			}
			return line[:len(line)-1], nil
		}
		line = append(line, b)
	}
	return nil, fmt.Errorf("%w: a line of more than %d bytes at byte %d", ErrBroken, lineBytes, r.offset)
}
