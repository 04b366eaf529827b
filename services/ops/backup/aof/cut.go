// Package aof reads the append-only files of a Redis node of the shop, and cuts them: after their last whole transaction,
// at a commit, or at a moment.
package aof

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"evergreen/services/internal/redisdb"
)

// Position is a place between two transactions.
type Position struct {
	// File is the number of the increment, from 0.
	File int
	// Offset is in bytes from its begin.
	Offset int64
}

// Content says what the increments of a directory have, after their base.
type Content struct {
	// End is the end of the last whole transaction.
	End Position
	// Commits is how many commits they have.
	Commits int64
	// FirstMillis and LastMillis are the times of the first and of the last write that has one, in ms since 1970; 0 if
	// there is none.
	FirstMillis, LastMillis int64
}

// ErrOutside says that the wanted state is not in the files.
var ErrOutside = errors.New("the backup does not have this state")

// transaction is what the reader says of one: a command alone, or those from MULTI to EXEC.
type transaction struct {
	end Position
	// commits counts commits, after set. set is what the commit sequence was set to, -1 if it was not.
	commits, set int64
	// earliest and latest are the times of its writes, in ms; 0 if it has none.
	earliest, latest int64
	// closed says that it sets evg:schema to something that is no number: a restore begins. opened is the contrary.
	closed, opened bool
}

// Scan reads all increments.
func (f *Files) Scan() (Content, error) {
	var c Content
	err := f.walk(func(t transaction) (bool, error) {
		c.End = t.end
		c.Commits += t.commits
		if c.FirstMillis == 0 {
			c.FirstMillis = t.earliest
		}
		c.LastMillis = max(c.LastMillis, t.latest)
		return true, nil
	})
	return c, err
}

// Trim cuts off what comes after the last whole transaction.
func (f *Files) Trim() (Content, error) {
	c, err := f.Scan()
	if err != nil || len(f.incrs) == 0 {
		return c, err
	}
	return c, f.keep(c.End)
}

// CutAtCommit cuts right after a commit; base is the commit sequence of the base. Where the files have a restore, the commits
// after it count alone.
func (f *Files) CutAtCommit(sequence, base int64) error {
	reached, first, closed := base, base, false
	at, found := Position{}, base == sequence
	err := f.walk(func(t transaction) (bool, error) {
		if t.closed {
			closed, found = true, false
		}
		if t.set >= 0 {
			reached = t.set
		}
		before := reached
		reached += t.commits
		if t.opened && closed {
			closed, first = false, reached
			found, at = reached == sequence, t.end
		}
		if !closed && before < sequence && reached >= sequence {
			found, at = reached == sequence, t.end
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: commit %d; it has the commits %d to %d", ErrOutside, sequence, first, reached)
	}
	if len(f.incrs) == 0 {
		return nil
	}
	return f.keep(at)
}

// CutAtMoment cuts before the first transaction that wrote later than the moment. Where a restore was under way at the
// moment, it cuts before that.
func (f *Files) CutAtMoment(moment time.Time) error {
	all, err := f.Scan()
	if err != nil {
		return err
	}
	millis := moment.UnixMilli()
	if all.FirstMillis == 0 || millis < all.FirstMillis || millis > all.LastMillis {
		return fmt.Errorf("%w: %s; it has the states from %s to %s", ErrOutside, Moment(millis), Moment(all.FirstMillis), Moment(all.LastMillis))
	}
	at, restored := Position{}, false
	err = f.walk(func(t transaction) (bool, error) {
		if t.latest > millis {
			return false, nil
		}
		// A restore has no times of its own: it counts from the first write after it on.
		restored = restored || t.closed
		if !restored || t.latest > 0 {
			at, restored = t.end, false
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	return f.keep(at)
}

// Moment is a time in ms since 1970 as people read it, in UTC.
func Moment(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z")
}

// walk visits all whole transactions in their order, until visit wants no more. An increment that another one follows has
// to be whole; the last one may end anywhere.
func (f *Files) walk(visit func(transaction) (more bool, err error)) error {
	for n := range f.incrs {
		more, err := f.walkFile(n, visit)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (f *Files) walkFile(n int, visit func(transaction) (bool, error)) (more bool, err error) {
	in, err := os.Open(filepath.Join(f.dir, f.incrs[n].name))
	if err != nil {
		return false, err
	}
	defer in.Close()
	more, err = transactions(newReader(in), n, visit)
	if errors.Is(err, ErrCutOff) && n == len(f.incrs)-1 {
		return false, nil
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", f.incrs[n].name, err)
	}
	return more, err
}

// transactions visits those of one file.
func transactions(r *reader, file int, visit func(transaction) (bool, error)) (more bool, err error) {
	t, within := transaction{set: -1}, false
	for {
		words, err := r.next()
		if errors.Is(err, io.EOF) {
			if within {
				return false, ErrCutOff
			}
			return true, nil
		}
		if err != nil {
			return false, err
		}
		switch strings.ToUpper(words[0]) {
		case "MULTI":
			if within {
				return false, fmt.Errorf("%w: a transaction within a transaction before byte %d", ErrBroken, r.offset)
			}
			within = true
		case "EXEC":
			if !within {
				return false, fmt.Errorf("%w: the end of no transaction before byte %d", ErrBroken, r.offset)
			}
			within = false
		default:
			t.note(words)
		}
		if within {
			continue
		}
		t.end = Position{file, r.offset}
		if more, err := visit(t); err != nil || !more {
			return false, err
		}
		t = transaction{set: -1}
	}
}

// note takes what matters of a command.
func (t *transaction) note(words command) {
	switch key := words.word(1); strings.ToUpper(words[0]) {
	case "INCR":
		if key == redisdb.KeyCommitSeq() {
			t.commits++
		}
	case "SET":
		t.noteSet(key, words.word(2))
	case "FLUSHALL", "FLUSHDB":
		t.set, t.commits = 0, 0
	case "XADD":
		if key == redisdb.KeyEvents() {
			t.at(idMillis(words))
		}
	}
}

func (t *transaction) noteSet(key, value string) {
	number, err := strconv.ParseInt(value, 10, 64)
	switch {
	case key == redisdb.KeySchema():
		t.closed, t.opened = err != nil, err == nil
	case err != nil:
	case key == redisdb.KeyHeartbeat():
		t.at(number)
	case key == redisdb.KeyCommitSeq():
		t.set, t.commits = number, 0
	}
}

func (t *transaction) at(millis int64) {
	if millis <= 0 {
		return
	}
	if t.earliest == 0 || millis < t.earliest {
		t.earliest = millis
	}
	t.latest = max(t.latest, millis)
}

// idMillis is the time in the id of an XADD, which stands after its options; 0 if there is none.
func idMillis(words command) int64 {
	at := 2
	for ; at < len(words); at++ {
		switch strings.ToUpper(words[at]) {
		case "NOMKSTREAM", "=", "~":
		case "MAXLEN", "MINID":
			if next := words.word(at + 1); next == "=" || next == "~" {
				at++
			}
			at++
		case "LIMIT":
			at++
		default:
			text, _, _ := strings.Cut(words[at], "-")
			millis, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return 0
			}
			return millis
		}
	}
	return 0
}
