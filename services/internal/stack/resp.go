package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// askTimeout bounds one question: a frozen process accepts connections and then
// says nothing.
const askTimeout = time.Second

// ErrReply is what Redis or Sentinel answered when it answered with an error.
var ErrReply = errors.New("refused")

// login is a user of the Redis nodes and Sentinels with its password; the zero
// value is nobody.
type login struct{ user, password string }

// ask sends one command over a connection of its own and returns the reply as
// text: nested replies are flattened, one element a line, a null is an empty
// line. Health checks need no more, and a client library would retry, cache and
// pool, which is what they must not do.
func ask(ctx context.Context, address string, as login, command ...string) (string, error) {
	conn, err := dial(ctx, address, as)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.Do(ctx, command...)
}

// Conn is one connection to a Redis node or a Sentinel, for one goroutine. It is
// for who must know which connection a command went over: WAIT speaks only of
// what its own has written.
type Conn struct {
	conn net.Conn
	in   *bufio.Reader
}

// Dial connects to a Redis node or a Sentinel of the stack as the operator.
func (s *Stack) Dial(ctx context.Context, name string) (*Conn, error) {
	p := s.Process(name)
	if p == nil {
		return nil, fmt.Errorf("this stack has no %s", name)
	}
	return dial(ctx, p.Addr(), s.operator())
}

func dial(ctx context.Context, address string, as login) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &Conn{conn: conn, in: bufio.NewReader(conn)}
	if as.user == "" {
		return c, nil
	}
	if _, err := c.Do(ctx, "AUTH", as.user, as.password); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return c, nil
}

// Do sends one command and waits for the reply, for one second at most. The
// reply is text, nested replies one element a line; an error that Redis answers
// is an ErrReply, and the connection can go on. After any other it cannot.
func (c *Conn) Do(ctx context.Context, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.conn.SetDeadline(deadline)
	}
	var request strings.Builder
	writeCommand(&request, command...)
	if _, err := io.WriteString(c.conn, request.String()); err != nil {
		return "", err
	}
	lines, err := readReply(c.in)
	return strings.Join(lines, "\n"), err
}

// Close ends the connection.
func (c *Conn) Close() error { return c.conn.Close() }

func writeCommand(w *strings.Builder, words ...string) {
	fmt.Fprintf(w, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(w, "$%d\r\n%s\r\n", len(word), word)
	}
}

func readReply(in *bufio.Reader) ([]string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return nil, io.ErrUnexpectedEOF
	}
	body := line[1:]
	switch line[0] {
	case '+', ':':
		return []string{body}, nil
	case '-':
		return nil, fmt.Errorf("%w: %s", ErrReply, body)
	case '$':
		return readBulk(in, body)
	case '*':
		return readArray(in, body)
	}
	return nil, fmt.Errorf("cannot read the reply %q", line)
}

func readBulk(in *bufio.Reader, length string) ([]string, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 {
		return []string{""}, err
	}
	data := make([]byte, n+len("\r\n"))
	if _, err := io.ReadFull(in, data); err != nil {
		return nil, err
	}
	return []string{string(data[:n])}, nil
}

func readArray(in *bufio.Reader, length string) ([]string, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 {
		return []string{""}, err
	}
	var all []string
	for range n {
		element, err := readReply(in)
		if err != nil {
			return nil, err
		}
		all = append(all, element...)
	}
	return all, nil
}

// fields reads the "name:value" lines of an INFO reply.
func fields(info string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			found[name] = value
		}
	}
	return found
}

// pairs reads a reply of alternating names and values, such as SENTINEL MASTER's.
func pairs(reply string) map[string]string {
	found := map[string]string{}
	lines := strings.Split(reply, "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		found[lines[i]] = lines[i+1]
	}
	return found
}
