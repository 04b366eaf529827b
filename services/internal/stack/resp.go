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
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	var request strings.Builder
	if as.user != "" {
		writeCommand(&request, "AUTH", as.user, as.password)
	}
	writeCommand(&request, command...)
	if _, err := io.WriteString(conn, request.String()); err != nil {
		return "", err
	}
	in := bufio.NewReader(conn)
	if as.user != "" {
		if _, err := readReply(in); err != nil {
			return "", fmt.Errorf("%s: %w", address, err)
		}
	}
	lines, err := readReply(in)
	return strings.Join(lines, "\n"), err
}

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
