package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

// served is what is counted when one request comes from a trusted proxy.
func served(t *testing.T, header map[string]string) map[string]*dto.MetricFamily {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	registry := prometheus.NewRegistry()
	router := gin.New()
	router.Use(Identify([]string{"192.0.2.1"}, "api-1"), NewObserver(NewMetrics(registry), slog.New(slog.DiscardHandler)).Observe)
	router.GET("/thing/:id", func(c *gin.Context) { c.Status(204) })
	request := httptest.NewRequest(http.MethodGet, "/thing/7", nil) // from 192.0.2.1
	for name, value := range header {
		request.Header.Set(name, value)
	}
	router.ServeHTTP(httptest.NewRecorder(), request)
	families, err := registry.Gather()
	require.NoError(t, err)
	found := map[string]*dto.MetricFamily{}
	for _, family := range families {
		found[family.GetName()] = family
	}
	return found
}

func exemplars(duration *dto.Histogram) (ids []string) {
	for _, bucket := range duration.GetBucket() {
		for _, label := range bucket.GetExemplar().GetLabel() {
			ids = append(ids, label.GetName()+"="+label.GetValue())
		}
	}
	return ids
}

func TestARequestLeavesItsIDInTheHistogram(t *testing.T) {
	longest := strings.Repeat("i", 118)
	for _, row := range []struct {
		name, id string
		want     []string
	}{
		{"nginx's", "0123456789abcdef0123456789abcdef", []string{"request_id=0123456789abcdef0123456789abcdef"}},
		{"the longest that OpenMetrics allows", longest, []string{"request_id=" + longest}},
		{"one that is too long for it", longest + "i", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			duration := served(t, map[string]string{"X-Request-Id": row.id})["shop_http_request_duration_seconds"].GetMetric()[0].GetHistogram()
			require.Equal(t, uint64(1), duration.GetSampleCount())
			require.Equal(t, row.want, exemplars(duration))
		})
	}
}

func TestTheHistogramHasClassicBucketsAndNativeOnes(t *testing.T) {
	duration := served(t, nil)["shop_http_request_duration_seconds"].GetMetric()[0].GetHistogram()
	require.Len(t, duration.GetBucket(), 13)
	require.NotEmpty(t, duration.GetPositiveSpan(), "for a Prometheus that asks for native ones")
	require.Equal(t, int32(3), duration.GetSchema(), "buckets that grow by less than a tenth")
}

func TestWhatNginxSendsOnceMoreIsCounted(t *testing.T) {
	for sent, want := range map[string]float64{"": 0, "1": 1} {
		counted := served(t, map[string]string{"X-Retried": sent})["shop_http_retried_requests_total"]
		require.InDelta(t, want, counted.GetMetric()[0].GetCounter().GetValue(), 0)
	}
}

func TestARoutesOwnErrorsAreThereBeforeTheFirstOne(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	m.Expect(gin.RoutesInfo{{Method: "GET", Path: "/thing/:id"}})
	families, err := registry.Gather()
	require.NoError(t, err)
	var there []string
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "shop_http_requests_total" {
				require.Zero(t, metric.GetCounter().GetValue())
				there = append(there, metric.GetLabel()[2].GetValue())
			}
		}
	}
	require.Equal(t, []string{"500", "503"}, there)
}

// What docs/metrics.md promises: one of the quick ones each 0.1 s, and each that took 0.1 s.
func TestEverySlowRequestLeavesItsIDAndOfManyQuickOnesOne(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	const quick = 2 * time.Millisecond
	age := time.Hour
	m.age = func() time.Duration { return age }
	for _, step := range []struct {
		id     string
		after  time.Duration // the request before
		took   time.Duration
		leaves bool
	}{
		{"the first", 0, quick, true},
		{"at once", 0, quick, false},
		{"a moment before it is time", 100*time.Millisecond - 1, quick, false},
		{"when it is time", 1, quick, true},
		{"almost slow", 0, 100*time.Millisecond - 1, false},
		{"slow", 0, 100 * time.Millisecond, true},
		{"slow again", 0, 100 * time.Millisecond, true},
		{"quick after a slow one", 0, quick, false},
	} {
		age += step.after
		m.answered(step.id, kind{"/thing", http.MethodGet, 200}, step.took)
		families, err := registry.Gather()
		require.NoError(t, err)
		var ids []string
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				ids = append(ids, exemplars(metric.GetHistogram())...)
			}
		}
		require.Equal(t, step.leaves, slices.Contains(ids, "request_id="+step.id), "%s: %v", step.id, ids)
	}
	other := &series{}
	require.True(t, m.isDue(other, 0), "another route's first one")
}
