package redisdb

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what this package tells Prometheus.
type metrics struct {
	duration  *prometheus.HistogramVec
	retries   *prometheus.CounterVec
	groups    prometheus.Histogram
	queue     prometheus.Gauge
	held      prometheus.Gauge
	cases     *prometheus.CounterVec
	unproven  prometheus.Counter
	failovers prometheus.Counter
	passed    *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer, t *topology) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "shop_commit_duration_seconds",
			Help:    "Time from the submission of a write to its acknowledgement, by script and outcome.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"script", "outcome"}),
		retries: counters("shop_commit_retries_total", "Groups of writes that were submitted again, by cause.", "cause"),
		groups: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "shop_commit_group_size", Help: "Writes in one group.", Buckets: prometheus.ExponentialBuckets(1, 2, 8),
		}),
		queue: prometheus.NewGauge(prometheus.GaugeOpts{Name: "shop_commit_queue_depth", Help: "Writes that wait for the next group."}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "shop_commit_held_writes", Help: "Writes, and reads as strong as writes, that have no answer yet: waiting, in flight or held in a failover.",
		}),
		cases:     counters("shop_commit_acknowledged_total", "Writes acknowledged, by case of the acknowledgement rule.", "case"),
		unproven:  counter("shop_commit_withheld_total", "Writes that ran and whose acknowledgement was withheld; they are submitted again."),
		failovers: counter("shop_redis_failovers_total", "Changes of the primary that this replica has seen."),
		passed:    counters("shop_read_passed_over_total", "Nodes that a read passed over, by reason.", "reason"),
	}
	registry.MustRegister(m.duration, m.retries, m.groups, m.queue, m.held, m.cases, m.unproven, m.failovers, m.passed, poolCollector{t})
	return m
}

func (m *metrics) committed(script, outcome string, took time.Duration) {
	m.duration.WithLabelValues(script, outcome).Observe(took.Seconds())
}

func (m *metrics) retried(cause string) { m.retries.WithLabelValues(cause).Inc() }

func (m *metrics) group(size, waiting int) {
	m.groups.Observe(float64(size))
	m.queue.Set(float64(waiting))
}

func (m *metrics) acknowledged(how string, n int) { m.cases.WithLabelValues(how).Add(float64(n)) }

func (m *metrics) withheld(n int) { m.unproven.Add(float64(n)) }

func (m *metrics) passedOver(err error) {
	reason := cause(err)
	switch {
	case errors.Is(err, errOld):
		reason = "old"
	case errors.Is(err, errEmpty):
		reason = "empty"
	case errors.Is(err, errBehind):
		reason = "behind"
	}
	m.passed.WithLabelValues(reason).Inc()
}

// poolCollector reads the driver's pool statistics when it is scraped.
type poolCollector struct{ topology *topology }

var (
	poolConns = prometheus.NewDesc("shop_redis_pool_connections",
		"Connections in the pool, by node and state.", []string{"node", "state"}, nil)
	poolTimeouts = prometheus.NewDesc("shop_redis_pool_timeouts_total",
		"Times that no connection came free in time, by node.", []string{"node"}, nil)
	poolStale = prometheus.NewDesc("shop_redis_pool_stale_connections_total",
		"Connections removed as stale, by node.", []string{"node"}, nil)
)

// Describe is part of prometheus.Collector.
func (p poolCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- poolConns
	ch <- poolTimeouts
	ch <- poolStale
}

// Collect is part of prometheus.Collector.
func (p poolCollector) Collect(ch chan<- prometheus.Metric) {
	for node, client := range p.topology.all() {
		s := client.PoolStats()
		ch <- prometheus.MustNewConstMetric(poolConns, prometheus.GaugeValue, float64(s.IdleConns), node, "idle")
		ch <- prometheus.MustNewConstMetric(poolConns, prometheus.GaugeValue, float64(s.TotalConns-s.IdleConns), node, "used")
		ch <- prometheus.MustNewConstMetric(poolTimeouts, prometheus.CounterValue, float64(s.Timeouts), node)
		ch <- prometheus.MustNewConstMetric(poolStale, prometheus.CounterValue, float64(s.StaleConns), node)
	}
}
