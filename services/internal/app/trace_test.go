package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

// linesWith gives the lines of a log of JSON that have the request's id.
func linesWith(t *testing.T, path, id string) (found []map[string]any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, id) {
			var fields map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
			require.Equal(t, id, fields["request_id"])
			found = append(found, fields)
		}
	}
	return found
}

// One id leads from the client's answer through nginx's log and the API's to the
// event in the stream, and from the histogram, in the replica and in Prometheus,
// back to all of them.
func TestARequestIsFollowedByItsID(t *testing.T) {
	admin := adminOf(t, shared)
	ann, buyer := shoptest.Customer(t, admin)
	product := shoptest.Product(t, admin, 5)
	bought := ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 1))
	id, replica := bought.Header.Get("X-Request-Id"), bought.Header.Get("X-Served-By")

	var edge []map[string]any
	require.Eventually(t, func() bool { // nginx answers first, and then it logs
		edge = append(
			linesWith(t, filepath.Join(shared.Dir(), "logs", "nginx-a", "access.log"), id),
			linesWith(t, filepath.Join(shared.Dir(), "logs", "nginx-b", "access.log"), id)...)
		return len(edge) > 0
	}, 10*time.Second, 10*time.Millisecond)
	require.Len(t, edge, 1)
	require.Equal(t, "/v1/purchases", edge[0]["path"])
	require.Equal(t, replica, edge[0]["replica"])

	api := linesWith(t, shared.Process(replica).LogPath(), id)
	require.Len(t, api, 1)
	require.Equal(t, "INFO", api[0]["level"])
	require.Equal(t, "request", api[0]["msg"])
	require.Equal(t, replica, api[0]["replica"])
	require.Equal(t, "/v1/purchases", api[0]["route"])
	require.Equal(t, buyer, api[0]["user_id"])

	primary, err := shared.Primary(t.Context())
	require.NoError(t, err)
	events, err := shared.Redis(t.Context(), primary, "XREVRANGE", "evg:events", "+", "-", "COUNT", "20")
	require.NoError(t, err)
	require.Contains(t, events, "kind\npurchase.pending\nid\n"+bought.Text(t, "id")+"\nversion\n1\nrequest\n"+id+"\nactor\n"+buyer)

	open := exposition(t, shared, replica, "application/openmetrics-text;version=1.0.0")
	require.Contains(t, open, `# {request_id="`+id+`"}`)
	require.True(t, strings.HasSuffix(open, "# EOF\n"))
	requireExemplarInPrometheus(t, id, replica)
}

func requireExemplarInPrometheus(t *testing.T, id, replica string) {
	t.Helper()
	query := "http://" + shared.Process("prometheus").Addr() + "/api/v1/query_exemplars?query=" +
		`shop_http_request_duration_seconds_bucket{route="/v1/purchases",method="POST"}` +
		"&start=" + time.Now().Add(-time.Minute).UTC().Format(time.RFC3339) + "&end=" + time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	require.Eventually(t, func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, query, nil)
		require.NoError(t, err)
		a, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer func() { _ = a.Body.Close() }()
		text, err := io.ReadAll(a.Body)
		return err == nil && strings.Contains(string(text), id) && strings.Contains(string(text), `"instance":"`+replica+`"`)
	}, 15*time.Second, 200*time.Millisecond, "Prometheus has scraped it")
}

func TestEveryLineOfTheAPIsLogHasTheSameFields(t *testing.T) {
	admin := adminOf(t, shared)
	admin.Want(t, 404, "GET", "/nowhere", nil)
	for _, replica := range []string{"api-1", "api-2"} {
		text, err := os.ReadFile(shared.Process(replica).LogPath())
		require.NoError(t, err)
		require.NotEmpty(t, text)
		for line := range strings.Lines(string(text)) {
			var fields map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
			for _, name := range []string{"time", "level", "msg"} {
				require.NotEmpty(t, fields[name], line)
			}
			require.Equal(t, replica, fields["replica"], line)
			if fields["msg"] == "request" {
				require.NotEmpty(t, fields["request_id"], line)
			}
		}
	}
}
