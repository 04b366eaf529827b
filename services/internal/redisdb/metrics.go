package redisdb

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// metrics are what this package tells Prometheus.
type metrics struct {
	duration *prometheus.HistogramVec
	retries  *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer, clients map[string]*redis.Client) *metrics {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "shop_commit_duration_seconds",
			Help:    "Time from the submission of a write to its acknowledgement, by script and outcome.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"script", "outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shop_commit_retries_total", Help: "Tries of a write that were followed by another, by cause.",
		}, []string{"cause"}),
	}
	registry.MustRegister(m.duration, m.retries, poolCollector(clients))
	return m
}

func (m *metrics) committed(script, outcome string, took time.Duration) {
	m.duration.WithLabelValues(script, outcome).Observe(took.Seconds())
}

func (m *metrics) retried(cause string) { m.retries.WithLabelValues(cause).Inc() }

// poolCollector reads the driver's pool statistics when it is scraped.
type poolCollector map[string]*redis.Client

var (
	poolConns = prometheus.NewDesc("shop_redis_pool_connections",
		"Connections in the pool, by pool and state.", []string{"pool", "state"}, nil)
	poolTimeouts = prometheus.NewDesc("shop_redis_pool_timeouts_total",
		"Times that no connection came free in time, by pool.", []string{"pool"}, nil)
	poolStale = prometheus.NewDesc("shop_redis_pool_stale_connections_total",
		"Connections removed as stale, by pool.", []string{"pool"}, nil)
)

// Describe is part of prometheus.Collector.
func (p poolCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- poolConns
	ch <- poolTimeouts
	ch <- poolStale
}

// Collect is part of prometheus.Collector.
func (p poolCollector) Collect(ch chan<- prometheus.Metric) {
	for name, client := range p {
		s := client.PoolStats()
		ch <- prometheus.MustNewConstMetric(poolConns, prometheus.GaugeValue, float64(s.IdleConns), name, "idle")
		ch <- prometheus.MustNewConstMetric(poolConns, prometheus.GaugeValue, float64(s.TotalConns-s.IdleConns), name, "used")
		ch <- prometheus.MustNewConstMetric(poolTimeouts, prometheus.CounterValue, float64(s.Timeouts), name)
		ch <- prometheus.MustNewConstMetric(poolStale, prometheus.CounterValue, float64(s.StaleConns), name)
	}
}
