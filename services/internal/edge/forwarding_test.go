package edge

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

func TestRequestsAreSpreadEvenlyOverBothReplicas(t *testing.T) {
	e := startEdge(t)
	for range 100 {
		require.Equal(t, http.StatusOK, e.send("GET", "/v1/products", "").status)
	}
	require.Len(t, e.replicas[0].requests(), 50)
	require.Len(t, e.replicas[1].requests(), 50)
}

func TestConnectionsToTheReplicasAreKept(t *testing.T) {
	e := startEdge(t)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 100 {
				_, _ = e.trySend("POST", "/v1/purchases", "{}")
			}
		})
	}
	clients.Wait()
	for _, r := range e.replicas {
		require.NotEmpty(t, r.requests())
		// At most one per client is in use at a time, for each of the two workers; 800 requests arrived.
		require.LessOrEqual(t, r.connectionCount(), 16, "connections to %s for %d requests", r.name, len(r.requests()))
	}
}

func TestTheReplicaIsToldWhoAsksByNginxAlone(t *testing.T) {
	e := startEdge(t)
	got := e.send("POST", "/v1/purchases?a=b%2Fc", `{"x":1}`,
		"X-Request-Id", "chosen-by-the-client", "X-Forwarded-For", "10.9.8.7", "X-Real-IP", "10.9.8.7",
		"Forwarded", "for=10.9.8.7", "Authorization", "Bearer secret", "Idempotency-Key", "key-1")
	require.Equal(t, http.StatusOK, got.status)

	seen := append(e.replicas[0].requests(), e.replicas[1].requests()...)
	require.Len(t, seen, 1)
	request := seen[0]
	require.Equal(t, "/v1/purchases?a=b%2Fc", request.path)
	require.Equal(t, `{"x":1}`, request.body)
	require.Equal(t, e.net+".4:8080", request.host)
	require.Equal(t, "Bearer secret", request.header.Get("Authorization"))
	require.Equal(t, "key-1", request.header.Get("Idempotency-Key"))
	require.Equal(t, []string{"127.0.0.1"}, request.header.Values("X-Forwarded-For"))
	require.Empty(t, request.header.Values("X-Real-IP"))
	require.Empty(t, request.header.Values("Forwarded"))
	require.Len(t, request.header.Values("X-Request-Id"), 1)
	require.Regexp(t, `^[0-9a-f]{32}$`, request.header.Get("X-Request-Id"))
	require.Equal(t, request.header.Get("X-Request-Id"), got.header.Get("X-Request-Id"))
	require.Contains(t, []string{"api-1", "api-2"}, got.header.Get("X-Served-By"))

	host, _, err := net.SplitHostPort(request.from)
	require.NoError(t, err)
	require.Equal(t, e.net+".4", host, "the address that the replicas trust")
}

func TestAnHTTP10RequestWithoutHostIsServed(t *testing.T) {
	e := startEdge(t)
	require.Equal(t, http.StatusOK, e.sendRaw(t, "GET /v1/products HTTP/1.0\r\n\r\n").status)
}

func TestWhatTheAPIAnswersPassesUntouched(t *testing.T) {
	e := startEdge(t)
	const body = `{"type":"/problems/made-by-the-api"}`
	for _, status := range []int{400, 404, 405, 409, 413, 414, 422, 429, 500, 501, 502, 503, 504} {
		header := http.Header{"Content-Type": {"application/problem+json"}, "Etag": {`"7.100"`}, "Retry-After": {"9"}}
		for _, r := range e.replicas {
			r.does(says(status, header, body))
		}
		got := e.send("GET", "/v1/products", "", "Accept-Encoding", "gzip")
		require.Equal(t, status, got.status)
		require.Equal(t, body, got.body)
		require.Equal(t, []string{"9"}, got.header.Values("Retry-After"))
		require.Equal(t, `"7.100"`, got.header.Get("ETag"), "a strong tag stays strong")
	}
}

func TestABodyOfOneMebibyteIsPassedOn(t *testing.T) {
	e := startEdge(t)
	body := strings.Repeat("x", 1<<20)
	require.Equal(t, http.StatusOK, e.send("POST", "/v1/products", body).status)
	seen := append(e.replicas[0].requests(), e.replicas[1].requests()...)
	require.Equal(t, body, seen[0].body)
}

func TestTheStatusServerAnswersOnItsOwnPort(t *testing.T) {
	e := startEdge(t)
	_, body, err := e.get(e.status("nginx-a", "/stub_status"))
	require.NoError(t, err)
	texttest.Contains(t, body, "Active connections:")
	status, _, err := e.get(e.status("nginx-a", "/v1/products"))
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, status)
	require.Empty(t, e.replicas[0].requests())
}
