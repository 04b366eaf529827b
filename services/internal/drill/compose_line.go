package drill

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"evergreen/services/internal/containers"
)

const (
	// askWithin bounds a question to a server in a container.
	askWithin = 2 * time.Second
	// askAgainAfter is how long a server that could not be asked is left alone: each
	// try starts programs, here and in the container.
	askAgainAfter = 300 * time.Millisecond
)

// line asks the Redis node or Sentinel in a container: by redis-cli, inside it,
// which reads commands and prints replies. One serves many questions, for it takes
// the engine a tenth of a second to start a program in a container, and the drill
// asks who is primary ten times a second.
type line struct {
	program func() *exec.Cmd // redis-cli

	turn    chan struct{} // one may ask at a time
	talk    *talk
	refused error // of the last try to begin a talk, at
	at      time.Time
}

func newLine(program func() *exec.Cmd) *line {
	return &line{program: program, turn: make(chan struct{}, 1)}
}

// lineTo is a line to the server of a service.
func lineTo(s *containers.Service) *line {
	_, port, _ := strings.Cut(s.Addr(), ":")
	return newLine(func() *exec.Cmd {
		return exec.Command("docker", "exec", "-i", s.Container(), "sh", "-c", asOperator, port)
	})
}

// errRefused is what the server answered when it answered with an error.
var errRefused = errors.New("refused")

// ask sends one command and gives the reply, nested replies one element a line.
func (l *line) ask(ctx context.Context, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if l.talk == nil {
		if l.refused != nil && time.Since(l.at) < askAgainAfter {
			return "", l.refused
		}
		if l.talk, l.refused = begin(l.program()); l.refused != nil {
			l.at = time.Now()
			return "", l.refused
		}
	}
	reply, err := l.talk.exchange(ctx, command)
	if err != nil && !errors.Is(err, errRefused) {
		// Nobody knows where the next reply would begin.
		l.talk.end()
		l.talk, l.refused, l.at = nil, err, time.Now()
	}
	return reply, err
}

// close ends the line, when nobody asks any more.
func (l *line) close() {
	l.turn <- struct{}{}
	if l.talk != nil {
		l.talk.end()
		l.talk = nil
	}
	<-l.turn
}

// asOperator is redis-cli as the operator; the password stands in the container's own
// environment, and in no list of processes.
const asOperator = `export REDISCLI_AUTH="$REDIS_ADMIN_PASSWORD"; exec redis-cli --user "$REDIS_ADMIN_USER" -h "$NODE_ADDRESS" -p "$0" 2>&1`

// talk is one life of a line.
type talk struct {
	program *exec.Cmd
	in      io.WriteCloser
	said    chan string // line by line; closed at the end
	over    chan struct{}
	asked   int
}

func begin(program *exec.Cmd) (*talk, error) {
	t := &talk{program: program}
	t.said, t.over = make(chan string), make(chan struct{})
	out, to := io.Pipe()
	t.program.Stdout, t.program.Stderr = to, to
	var err error
	if t.in, err = t.program.StdinPipe(); err == nil {
		err = t.program.Start()
	}
	if err != nil {
		return nil, err
	}
	go func() { _ = to.CloseWithError(t.program.Wait()) }()
	go t.listen(out)
	return t, nil
}

// listen passes on what is said, until somebody ends the talk.
func (t *talk) listen(out *io.PipeReader) {
	defer close(t.said)
	defer func() { _ = out.Close() }()
	for in := bufio.NewReader(out); ; {
		text, err := in.ReadString('\n')
		if err != nil {
			return
		}
		select {
		case t.said <- strings.TrimRight(text, "\r\n"):
		case <-t.over:
			return
		}
	}
}

// end has redis-cli end with its input. It cannot if its container is paused; the
// docker command, here, can.
func (t *talk) end() {
	close(t.over)
	_ = t.in.Close()
	_ = t.program.Process.Kill()
}

// exchange sends one command, and a PING whose own reply marks the end
// of the first one; a Sentinel knows no ECHO.
func (t *talk) exchange(ctx context.Context, command []string) (string, error) {
	t.asked++
	mark := "end-of-reply-" + strconv.Itoa(t.asked)
	words := make([]string, len(command))
	for i, word := range command {
		words[i] = quoted(word)
	}
	if _, err := io.WriteString(t.in, strings.Join(words, " ")+"\nPING "+mark+"\n"); err != nil {
		return "", fmt.Errorf("asking: %w", err)
	}
	var reply []string
	for {
		select {
		case text, open := <-t.said:
			switch {
			case !open:
				return "", fmt.Errorf("no answer: %s", strings.Join(reply, "\n"))
			case text == mark:
				return asReply(strings.Trim(strings.Join(reply, "\n"), "\n"))
			case strings.HasPrefix(text, "Could not connect"), strings.HasPrefix(text, "Error:"):
				return "", errors.New(text)
			}
			reply = append(reply, text)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// complaint is how an error begins, such as "OOM command not allowed": redis-cli does
// not mark it, and nothing else that the drill asks for begins so.
var complaint = regexp.MustCompile(`^[A-Z]{2,} `)

func asReply(text string) (string, error) {
	if complaint.MatchString(text) {
		return "", fmt.Errorf("%w: %s", errRefused, text)
	}
	return text, nil
}

// quoted is a word as redis-cli reads it.
func quoted(word string) string {
	var w strings.Builder
	w.WriteByte('"')
	for _, c := range []byte(word) {
		switch {
		case c == '"' || c == '\\':
			w.WriteByte('\\')
			w.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&w, `\x%02x`, c)
		default:
			w.WriteByte(c)
		}
	}
	w.WriteByte('"')
	return w.String()
}
