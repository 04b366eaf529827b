package app

import (
	"bytes"
	"net"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"evergreen/services/internal/web"
)

// What Go's HTTP server cannot parse (a control character in a header, a Host
// that is none) it answers itself, in plain text, before any handler is asked,
// and offers no hook. These two give such an answer the form of all others.

// plainEnd follows the status line of the server's own answers and of no other:
// those of handlers have a Date.
const plainEnd = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// parsingListener gives connections whose parsing errors are problems.
type parsingListener struct {
	net.Listener
	replica string
}

// Accept waits for the next connection.
func (l parsingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, isTCP := c.(*net.TCPConn); isTCP {
		return parsingConn{TCPConn: tcp, replica: l.replica}, err
	}
	return c, err
}

// parsingConn keeps all that a TCP connection can do; the server asks for it.
type parsingConn struct {
	*net.TCPConn
	replica string
}

// Write passes everything on but the server's own answers, which it writes in one piece.
func (c parsingConn) Write(b []byte) (int, error) {
	line, _, isPlain := bytes.Cut(b[:min(len(b), 512)], []byte(plainEnd))
	if !isPlain || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || bytes.Contains(line, []byte("\r\n")) {
		return c.TCPConn.Write(b)
	}
	status, _ := strconv.Atoi(strings.Fields(string(line))[1])
	if _, err := c.TCPConn.Write(unparsed(status, web.NewID(), c.replica)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// unparsed is the whole answer to what was no HTTP for us.
func unparsed(status int, id, replica string) []byte {
	kind, title, code, detail := "malformed", "The request cannot be read", "no-http", "This is not a valid HTTP request."
	if status == 431 {
		kind, title, code, detail = "too-large", "The request is too large", "headers-too-large", "The headers are too large."
	} else {
		status = 400
	}
	body, _ := json.Marshal(map[string]any{
		"type": "/problems/" + kind, "title": title, "status": status, "detail": detail, "code": code, "request_id": id,
	}, json.Deterministic(true))
	head := "HTTP/1.1 " + strconv.Itoa(status) + " \r\nContent-Type: application/problem+json\r\nContent-Length: " + strconv.Itoa(len(body)) +
		"\r\nX-Request-Id: " + id + "\r\nX-Served-By: " + replica + "\r\nConnection: close\r\n\r\n"
	return append([]byte(head), body...)
}
