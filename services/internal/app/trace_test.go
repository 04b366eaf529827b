package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/texttest"
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
// event in the stream.
func TestARequestIsFollowedByItsID(t *testing.T) {
	admin := adminOf(t, shared)
	ann, buyer := shoptest.Customer(t, admin)
	product := shoptest.Product(t, admin, 5)
	bought := ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 1))
	id, replica := bought.Header.Get("X-Request-Id"), bought.Header.Get("X-Served-By")

	require.Equal(t, replica, edgeLine(t, id)["replica"])
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
	texttest.Contains(t, events, "kind\npurchase.pending\nid\n"+bought.Text(t, "id")+"\nversion\n1\nrequest\n"+id+"\nactor\n"+buyer)
}

// edgeLine is the one line about the request, a purchase, in the logs of both nginx.
// nginx answers first, and logs then.
func edgeLine(t *testing.T, id string) map[string]any {
	t.Helper()
	var lines []map[string]any
	require.Eventually(t, func() bool {
		lines = append(
			linesWith(t, filepath.Join(shared.Dir(), "logs", "nginx-a", "access.log"), id),
			linesWith(t, filepath.Join(shared.Dir(), "logs", "nginx-b", "access.log"), id)...)
		return len(lines) > 0
	}, 10*time.Second, 10*time.Millisecond, id)
	require.Len(t, lines, 1)
	require.Equal(t, "/v1/purchases", lines[0]["path"])
	return lines[0]
}

// The histogram keeps the ids of some requests, not of all of them. Each that it
// keeps, in the replica and in Prometheus, leads to the lines of its request.
func TestAnExemplarLeadsToItsRequest(t *testing.T) {
	admin := adminOf(t, shared)
	ann, _ := shoptest.Customer(t, admin)
	replica := ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(shoptest.Product(t, admin, 5), 1)).Header.Get("X-Served-By")

	kept := exemplarsOfPurchases(t, replica)
	require.NotEmpty(t, kept)
	for _, e := range kept {
		api := linesWith(t, shared.Process(replica).LogPath(), e.id)
		require.Len(t, api, 1)
		require.Equal(t, "/v1/purchases", api[0]["route"])
		require.InDelta(t, api[0]["duration_ms"], e.seconds*1000, 0.001, "the time that this request took")
		require.LessOrEqual(t, e.seconds, e.upTo, "it is in its bucket")
		requireInPrometheus(t, e, replica)
		if fromNginx.MatchString(e.id) { // other tests also buy past nginx
			require.Equal(t, replica, edgeLine(t, e.id)["replica"])
		}
	}
}

// exemplar is a request that a bucket of the histogram names.
type exemplar struct {
	id                string
	upTo, seconds, at float64 // the bucket's bound, the time the request took, the time of its answer
}

// fromNginx is the form of the ids that nginx gives; the API's own are UUIDs.
var fromNginx = regexp.MustCompile(`^[0-9a-f]{32}$`)

var exemplarLine = regexp.MustCompile(`(?m)^shop_http_request_duration_seconds_bucket` +
	`\{class="2xx",method="POST",route="/v1/purchases",le="([^"]+)"\} \S+ # \{request_id="([^"]+)"\} (\S+) (\S+)$`)

// exemplarsOfPurchases are those of the purchases that the replica has made.
func exemplarsOfPurchases(t *testing.T, replica string) (found []exemplar) {
	t.Helper()
	open := exposition(t, shared, replica, "application/openmetrics-text;version=1.0.0")
	require.True(t, strings.HasSuffix(open, "# EOF\n"))
	for _, m := range exemplarLine.FindAllStringSubmatch(open, -1) {
		found = append(found, exemplar{m[2], number(t, m[1]), number(t, m[3]), number(t, m[4])})
	}
	return found
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return n
}

// requireInPrometheus waits for the next time that Prometheus asks the replica: the
// exemplar stays in its bucket while nobody buys.
func requireInPrometheus(t *testing.T, e exemplar, replica string) {
	t.Helper()
	query := "http://" + shared.Process("prometheus").Addr() + "/api/v1/query_exemplars?query=" +
		`shop_http_request_duration_seconds_bucket{route="/v1/purchases",method="POST",instance="` + replica + `"}` +
		fmt.Sprintf("&start=%.3f&end=%.3f", e.at-1, e.at+1)
	require.Eventually(t, func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, query, nil)
		require.NoError(t, err)
		a, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer func() { _ = a.Body.Close() }()
		text, err := io.ReadAll(a.Body)
		return err == nil && strings.Contains(string(text), e.id)
	}, 15*time.Second, 200*time.Millisecond, "Prometheus has no exemplar %s of %s", e.id, replica)
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
