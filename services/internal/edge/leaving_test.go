package edge

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// scripts/rolling-upgrade makes the file some seconds before it stops an nginx.
func TestAnNginxThatIsToEndEndsItsConnections(t *testing.T) {
	e := startEdge(t)
	const request = "POST /v1/purchases HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\n{}"
	require.Equal(t, "keep-alive", e.sendRaw(t, request).header.Get("Connection"))

	require.NoError(t, os.WriteFile(filepath.Join(e.dir, "nginx-a", "leaving"), nil, 0o600))
	last := e.sendRaw(t, request)
	require.Equal(t, http.StatusOK, last.status)
	require.Empty(t, last.header.Get("Connection"), "Go takes a \"close\" out")
	require.Equal(t, http.StatusNotFound, e.send("GET", "/.problem", "").status, "what was refused is refused")

	// A replica that drops the request costs no more than otherwise.
	e.replicas[0].does(breaks)
	for range 4 {
		require.Equal(t, http.StatusOK, e.send("POST", "/v1/purchases", "{}").status)
	}
}

func TestWhileAnNginxIsLeavingOnlyASecondTrySaysThatItIsOne(t *testing.T) {
	e := startEdge(t)
	require.NoError(t, os.WriteFile(filepath.Join(e.dir, "nginx-a", "leaving"), nil, 0o600))
	for range 2 {
		require.Equal(t, http.StatusOK, e.send("POST", "/v1/purchases", "{}", "X-Retried", "1").status)
	}
	for _, r := range e.replicas {
		require.Equal(t, []string{""}, retriedOf(r), "%s: the client's own is dropped", r.name)
	}
	e.replicas[0].does(breaks)
	for !slices.Contains(retriedOf(e.replicas[1]), "1") {
		require.Equal(t, http.StatusOK, e.send("POST", "/v1/purchases", "{}", "X-Retried", "2").status)
		require.NotContains(t, append(retriedOf(e.replicas[0]), retriedOf(e.replicas[1])...), "2")
	}
}

func TestWhileAnNginxIsLeavingAReplicaIsToldTheSameOfARequest(t *testing.T) {
	e := startEdge(t, behind(1))
	told := func() http.Header {
		sent := e.send("POST", "/v1/purchases", "{}", "X-Forwarded-For", "192.0.2.1", "X-Request-Id", "mine", "Forwarded", "for=192.0.2.1")
		require.Equal(t, http.StatusOK, sent.status)
		all := e.replicas[0].requests()
		header := all[len(all)-1].header
		require.Len(t, header.Get("X-Request-Id"), 32)
		header.Del("X-Request-Id") // each has its own
		return header
	}
	before := told()
	require.NoError(t, os.WriteFile(filepath.Join(e.dir, "nginx-a", "leaving"), nil, 0o600))
	require.Equal(t, before, told())
}

// retriedOf is what a replica was told of each request: whether it is a second try.
func retriedOf(r *replica) (said []string) {
	for _, request := range r.requests() {
		said = append(said, request.header.Get("X-Retried"))
	}
	return said
}
