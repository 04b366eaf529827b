package web

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
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
	known    sync.Map             // kind → *series
	age      func() time.Duration // since the metrics were made
}

// NewMetrics registers the metrics with registry.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	made := time.Now()
	m := &Metrics{
		age: func() time.Duration { return time.Since(made) },
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

// An exemplar is kept of each request that took slow or longer, and of the others
// one in exemplarEvery: Prometheus sees the last one before each scrape only, and
// keeping one costs twice as much as all the rest of counting.
const (
	slow          = 100 * time.Millisecond
	exemplarEvery = 100 * time.Millisecond
)

// kind is what requests have in common that are counted together.
type kind struct {
	route, method string
	status        int
}

// series are a kind's, looked up once.
type series struct {
	answered prometheus.Counter
	duration prometheus.Observer
	exemplar atomic.Int64 // when the last one was kept, in nanoseconds since the metrics were made
}

func (m *Metrics) of(k kind) *series {
	if known, found := m.known.Load(k); found {
		return known.(*series) //nolint:forcetypeassert // only series are stored
	}
	status := strconv.Itoa(k.status)
	made, _ := m.known.LoadOrStore(k, &series{
		answered: m.requests.WithLabelValues(k.route, k.method, status),
		duration: m.duration.WithLabelValues(k.route, k.method, status[:1]+"xx"),
	})
	return made.(*series) //nolint:forcetypeassert // only series are stored
}

// answered notes the answer. The request's id goes along as an exemplar: from a
// bucket of the histogram to the lines of the log.
func (m *Metrics) answered(id string, k kind, took time.Duration) {
	if m == nil {
		return
	}
	m.inFlight.Dec()
	s := m.of(k)
	s.answered.Inc()
	if with, can := s.duration.(prometheus.ExemplarObserver); can && len(id) <= maxExemplar && m.isDue(s, took) {
		with.ObserveWithExemplar(took.Seconds(), prometheus.Labels{exemplarLabel: id})
		return
	}
	s.duration.Observe(took.Seconds())
}

// isDue holds for a request that leaves an exemplar.
func (m *Metrics) isDue(s *series, took time.Duration) bool {
	now, last := int64(m.age()), s.exemplar.Load()
	if took < slow && last != 0 && now-last < int64(exemplarEvery) {
		return false
	}
	s.exemplar.Store(now)
	return true
}
