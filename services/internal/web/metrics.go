package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are rate, errors and duration of requests per route template, never per
// raw path, so that no client can make new label values. The nil Metrics count
// nothing: what it costs to count is measured against them (make bench).
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	retried  prometheus.Counter
}

// NewMetrics registers the metrics with registry.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shop_http_requests_total", Help: "Requests answered, by route template, method and status code.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "shop_http_request_duration_seconds", Help: "Time to answer, by route template, method and status class.",
			// Classic buckets for every Prometheus; native ones, each a tenth wider than
			// the one before, for one that asks for them.
			Buckets:                     []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"route", "method", "class"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "shop_http_requests_in_flight", Help: "Requests being answered now.",
		}),
		retried: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "shop_http_retried_requests_total", Help: "Requests that nginx sent here because another replica did not answer them.",
		}),
	}
	registry.MustRegister(m.requests, m.duration, m.inFlight, m.retried)
	return m
}

// Expect makes the counters of each route's own errors, so that rate() sees the
// first one: from 0 to 1 is a rise, from nothing to 1 is none.
func (m *Metrics) Expect(routes gin.RoutesInfo) {
	if m == nil {
		return
	}
	for _, r := range routes {
		for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable} {
			m.requests.WithLabelValues(r.Path, r.Method, strconv.Itoa(status))
		}
	}
}

// begun notes a request that has come.
func (m *Metrics) begun(c *gin.Context) {
	if m == nil {
		return
	}
	m.inFlight.Inc()
	if c.GetBool(contextRetried) {
		m.retried.Inc()
	}
}

// maxExemplar is how long a request id may be as an exemplar: OpenMetrics allows
// 128 characters for all labels and their names. nginx's ids have 32.
const maxExemplar = prometheus.ExemplarMaxRunes - len(exemplarLabel)

const exemplarLabel = "request_id"

// answered notes the answer. The request's id goes along as an exemplar: from a
// bucket of the histogram to the lines of the log.
func (m *Metrics) answered(id, route, method string, status int, took time.Duration) {
	if m == nil {
		return
	}
	m.inFlight.Dec()
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	duration := m.duration.WithLabelValues(route, method, strconv.Itoa(status/100)+"xx")
	if with, can := duration.(prometheus.ExemplarObserver); can && id != "" && len(id) <= maxExemplar {
		with.ObserveWithExemplar(took.Seconds(), prometheus.Labels{exemplarLabel: id})
		return
	}
	duration.Observe(took.Seconds())
}
