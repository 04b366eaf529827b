package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// answerTimeout is how long an answer may take from its request's header on, the reading by the client included. nginx keeps
// no more than 36 KiB of an answer, so a client that reads slowly holds the answer here.
const answerTimeout = 30 * time.Second

// unreadBytes is how much of an answer the kernel takes for a client that does not read it; it doubles the number. The rest
// waits in the replica, where web.Memory counts it. Without this the kernel would take up to 4 MB.
const unreadBytes = 64 << 10

// server makes a server with time-outs for clients that are slow on purpose. Idle connections outlive nginx's (60 s), so that
// the replica never closes one on which nginx is about to send. What Go's server logs comes in the log's form, too.
func server(host string, port int, handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Addr: net.JoinHostPort(host, strconv.Itoa(port)), Handler: handler,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: answerTimeout,
		IdleTimeout: 120 * time.Second, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// listen opens a port. Its connections inherit the bound of unread bytes.
func listen(address string) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		control := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, unreadBytes)
		})
		if control != nil {
			return control
		}
		return err
	}}
	return config.Listen(context.Background(), "tcp", address)
}
