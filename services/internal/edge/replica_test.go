package edge

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// replica stands in for one API replica. It notes every request, then does what it was told.
type replica struct {
	t             *testing.T
	name, address string
	server        *http.Server

	mu          sync.Mutex
	behave      http.HandlerFunc
	seen        []seenRequest
	connections int
}

// seenRequest is what arrived at a replica.
type seenRequest struct {
	method, path, body, from string
	header                   http.Header
	host                     string
}

func startReplica(t *testing.T, name, address string) *replica {
	t.Helper()
	r := &replica{t: t, name: name, address: address}
	r.does(r.answers)
	r.start()
	t.Cleanup(r.stop)
	return r
}

// start listens; after stop it comes back on the same address.
func (r *replica) start() {
	r.t.Helper()
	listener, err := net.Listen("tcp", r.address)
	require.NoError(r.t, err)
	r.server = &http.Server{
		Handler: http.HandlerFunc(r.serve), ConnState: r.count, ReadHeaderTimeout: patience, ConnContext: littleUnread,
	}
	go func() { _ = r.server.Serve(listener) }()
}

// littleUnread has the kernel keep as little of an answer as at an API replica.
func littleUnread(ctx context.Context, connection net.Conn) context.Context {
	_ = connection.(*net.TCPConn).SetWriteBuffer(128 << 10)
	return ctx
}

// stop breaks every connection and refuses new ones, as a killed process does.
func (r *replica) stop() { _ = r.server.Close() }

// does sets what the replica does with the requests to come.
func (r *replica) does(what http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.behave = what
}

func (r *replica) serve(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mu.Lock()
	r.seen = append(r.seen, seenRequest{
		method: request.Method, path: request.URL.String(), body: string(body), from: request.RemoteAddr,
		header: request.Header.Clone(), host: request.Host,
	})
	behave := r.behave
	r.mu.Unlock()
	behave(w, request)
}

func (r *replica) count(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.connections++
	}
}

// requests returns what has arrived so far.
func (r *replica) requests() []seenRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]seenRequest(nil), r.seen...)
}

func (r *replica) connectionCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.connections
}

// The behaviours.

// answers is a healthy replica.
func (r *replica) answers(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("X-Served-By", r.name)
	w.Header().Set("X-Request-Id", request.Header.Get("X-Request-Id"))
	_, _ = io.WriteString(w, r.name)
}

// breaks closes the connection when it has read the request, before a word of the answer.
func breaks(w http.ResponseWriter, _ *http.Request) {
	if connection, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = connection.Close()
	}
}

// breaksInHeader closes it in the middle of the answer's header.
func breaksInHeader(w http.ResponseWriter, _ *http.Request) {
	if connection, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_, _ = io.WriteString(connection, "HTTP/1.1 201 Created\r\nContent-Ty")
		_ = connection.Close()
	}
}

// hangs holds the request until nginx gives it up, as a frozen process does.
func hangs(_ http.ResponseWriter, request *http.Request) {
	select {
	case <-request.Context().Done():
	case <-time.After(2 * patience):
	}
}

// says answers with a status, a header and a body.
func says(status int, header http.Header, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for name := range header {
			w.Header().Set(name, header.Get(name))
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}
