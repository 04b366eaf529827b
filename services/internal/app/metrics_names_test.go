package app_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/app"
	"evergreen/services/internal/config"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
	"evergreen/services/internal/web"
)

func TestTheMetricsKeepToPrometheussConventions(t *testing.T) {
	adminOf(t, shared)
	for _, replica := range []string{"api-1", "api-2"} {
		check := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
		check.Stdin = strings.NewReader(exposition(t, shared, replica, ""))
		said, err := check.CombinedOutput()
		require.NoError(t, err, "%s", said)
		require.Empty(t, string(said))
	}
	wrong := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
	wrong.Stdin = strings.NewReader("# TYPE shop_sales counter\nshop_sales 1\n")
	require.Error(t, wrong.Run(), "promtool finds what there is to find")
}

// described gives the names of all that a replica may tell, with their labels,
// whether there is a series of it yet or not.
func described(t *testing.T) map[string][]string {
	t.Helper()
	settings := map[string]string{
		"SECRET_KEY": strings.Repeat("s", 32), "REDIS_SENTINEL": "127.0.0.1:1", "ADMIN_EMAIL": "admin@example.com", "ADMIN_PASSWORD": shoptest.Password,
	}
	c, err := config.Load(func(name string) string { return settings[name] })
	require.NoError(t, err)
	replica, err := app.New(c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	all := make(chan *prometheus.Desc)
	go func() {
		app.Registry(replica).Describe(all)
		close(all)
	}()
	parts := regexp.MustCompile(`fqName: "(shop_[^"]+)".*variableLabels: \{([^}]*)\}`)
	found := map[string][]string{}
	for d := range all {
		if m := parts.FindStringSubmatch(d.String()); m != nil {
			found[m[1]] = strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' })
		}
	}
	require.Greater(t, len(found), 30)
	return found
}

func TestThePageNamesEveryMetricAndItsLabelsAndNoOther(t *testing.T) {
	root, err := stack.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	require.NoError(t, err)
	// The rest is of another program, whose tests hold it.
	page, _, found := strings.Cut(string(text), "\n## The backup service\n")
	require.True(t, found)
	metrics := described(t)
	rows := map[string]string{}
	for line := range strings.Lines(page) {
		if name, rest, found := strings.Cut(strings.TrimPrefix(line, "| `"), "` |"); found && strings.HasPrefix(name, "shop_") {
			require.NotContains(t, rows, name, "one row each")
			rows[name] = rest
		}
	}
	for name, labels := range metrics {
		require.Contains(t, rows, name)
		for _, label := range labels {
			require.Contains(t, rows[name], "`"+label+"`", name)
		}
	}
	for name := range rows {
		require.Contains(t, metrics, name)
	}
	suffix := regexp.MustCompile(`_(count|sum|bucket)$`)
	for _, name := range regexp.MustCompile(`shop_[a-z_]+`).FindAllString(page, -1) {
		_, whole := metrics[name]
		require.True(t, whole || metrics[suffix.ReplaceAllString(name, "")] != nil, name)
	}
}

// mostSeries is how many series of its own a replica tells at most, whoever asks
// it for whatever: docs/metrics.md has the sum.
const mostSeries = 4500

func TestNoClientCanMakeSeries(t *testing.T) {
	adminOf(t, shared)
	before := figuresOf(t, shared, "api-1")
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	const requests = 10_000
	for i := range requests {
		group.Go(func() error {
			method, path := "GET", "/v1/products/"+web.NewID()
			switch i % 4 {
			case 0:
				path = fmt.Sprint("/nowhere/", i)
			case 1:
				method, path = fmt.Sprint("VERB", i), "/v1/products"
			case 2:
				method, path = "DELETE", fmt.Sprintf("/v1/purchases/%s?status=%d", web.NewID(), i)
			}
			request, err := http.NewRequestWithContext(ctx, method, direct("api-1")+path, bytes.NewReader(nil))
			if err != nil {
				return err
			}
			request.Host = fmt.Sprintf("shop-%d.example", i)
			request.Header.Set("X-Request-Id", fmt.Sprint("invented-", i))
			request.Header.Set("Idempotency-Key", fmt.Sprint("key-", i))
			answer, err := client.Do(request)
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			return answer.Body.Close()
		})
	}
	require.NoError(t, group.Wait())

	now, answered := figuresOf(t, shared, "api-1"), 0.0
	for series := range now {
		if strings.HasPrefix(series, "shop_http_requests_total{") {
			answered += now[series] - before[series]
		}
	}
	require.GreaterOrEqual(t, answered, float64(requests))
	// A route, a method or a status class that was new: 17 series of a histogram, and its counters.
	require.Less(t, len(now)-len(before), 100)
	own := 0
	for series := range now {
		if strings.HasPrefix(series, "shop_") {
			own++
		}
	}
	require.Less(t, own, mostSeries)
	t.Logf("%d series after %d requests, %d before", own, requests, len(before))
	for _, invented := range []string{"nowhere", "VERB", "invented", "shop-", "key-"} {
		texttest.NotContains(t, exposition(t, shared, "api-1", ""), invented)
	}
}
