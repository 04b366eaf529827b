package edge

import (
	"net/http"
	"os"
	"path/filepath"
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
