package edge

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// accessLog waits for a number of lines and returns them decoded, and as they are.
func (e *edge) accessLog(lines int) (entries []map[string]any, raw string) {
	e.t.Helper()
	e.eventually(func() bool {
		text, err := os.ReadFile(filepath.Join(e.dir, "nginx-a", "access.log"))
		raw = string(text)
		return err == nil && strings.Count(raw, "\n") == lines
	}, "the access log is written")
	for line := range strings.Lines(raw) {
		var entry map[string]any
		require.NoError(e.t, json.Unmarshal([]byte(line), &entry), line)
		entries = append(entries, entry)
	}
	return entries, raw
}

func TestEveryRequestIsOneLineOfJSONWithoutSecrets(t *testing.T) {
	e := startEdge(t)
	got := e.send("POST", "/v1/sessions?email=ann%40example.org", `{"password":"hunter2hunter2"}`,
		"Authorization", "Bearer the-token", "Cookie", "the-cookie", "Idempotency-Key", "the-key")
	require.Equal(t, 200, got.status)
	e.sendRaw(t, "TRACE /v1/\"quoted\" HTTP/1.0\r\n\r\n")
	e.sendRaw(t, "GARBAGE\r\n\r\n")
	require.Equal(t, 413, e.send("PATCH", "/v1/products/1", strings.Repeat("x", 1<<21)).status)

	entries, raw := e.accessLog(4)
	for _, secret := range []string{"hunter2", "the-token", "the-cookie", "the-key", "ann%40", "email="} {
		texttest.NotContains(t, raw, secret)
	}
	// Several workers write it, so the lines may change places; each status stands for one request here.
	byStatus := map[any]map[string]any{}
	for _, entry := range entries {
		byStatus[entry["status"]] = entry
	}
	served := byStatus[200.0]
	require.Equal(t, "POST", served["method"])
	require.Equal(t, "/v1/sessions", served["path"])
	require.Equal(t, "nginx-a", served["service"])
	require.Equal(t, "127.0.0.1", served["client"])
	require.Equal(t, got.header.Get("X-Request-Id"), served["request_id"])
	require.Equal(t, got.header.Get("X-Served-By"), served["replica"])
	require.Contains(t, served["upstream"], e.net)
	require.Contains(t, byStatus, 400.0, "what is no HTTP is logged too")
	require.Equal(t, "PATCH", byStatus[413.0]["method"], "nginx itself would say GET")
	require.Equal(t, `/v1/"quoted"`, byStatus[405.0]["path"], "quotes are escaped")
}

func TestTheLogTellsWhichReplicasWereTried(t *testing.T) {
	e := startEdge(t)
	e.replicas[0].stop()
	e.send("GET", "/v1/products", "")
	e.send("GET", "/v1/products", "")
	_, raw := e.accessLog(2)
	texttest.Contains(t, raw, `"upstream":"`+e.replicas[0].address+" : "+e.replicas[1].address+`","upstream_status":"502 : 200"`)
}
