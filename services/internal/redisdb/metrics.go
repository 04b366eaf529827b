package redisdb

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are what this package tells Prometheus. The nil metrics count nothing:
// what it costs to count is measured against them (make bench).
type metrics struct {
	duration  *prometheus.HistogramVec
	outcomes  map[string]prometheus.Counter
	retries   *prometheus.CounterVec
	groups    prometheus.Histogram
	queue     prometheus.Gauge
	cases     map[string]prometheus.Counter
	unproven  prometheus.Counter
	failovers prometheus.Counter
	reads     map[string]prometheus.Counter
	refusals  map[string]prometheus.Counter
	passed    *prometheus.CounterVec
	probes    *prometheus.CounterVec
	// The last probe's. They are vectors without labels, so that nothing is said
	// before the first probe has ended: a 0 would be a shop that cannot sell.
	probeSuccess, probeDuration *prometheus.GaugeVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	f := factory{promauto.With(registry)}
	return &metrics{
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "shop_commit_duration_seconds",
			Help:    "Time from the submission of a write to its acknowledgement, by script and outcome.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"script", "outcome"}),
		outcomes: each(f.counters("shop_commits_total", "Writes that ended, by outcome.", "outcome"), outcomes()),
		retries:  f.counters("shop_commit_retries_total", "Groups of writes that were submitted again, by cause.", "cause", causes()...),
		groups: f.NewHistogram(prometheus.HistogramOpts{
			Name: "shop_commit_group_size", Help: "Writes in one group.", Buckets: prometheus.ExponentialBuckets(1, 2, 8),
		}),
		queue:     f.gauge("shop_commit_queue_depth", "Writes that wait for the next group."),
		cases:     each(f.counters("shop_commit_acknowledged_total", "Writes acknowledged, by case of the acknowledgement rule.", "case"), []string{caseTwo, caseOne}),
		unproven:  f.counter("shop_commit_withheld_total", "Writes that ran and whose acknowledgement was withheld; they are submitted again."),
		failovers: f.counter("shop_redis_failovers_total", "Changes of the primary that this replica has seen."),
		reads:     each(f.counters("shop_reads_total", "Reads answered, by who answered, and those that nobody did.", "source"), sources()),
		refusals: each(f.counters("shop_strong_reads_refused_total",
			"Strong reads that found no place in their queue, by reader.", "reader"), readerLabels()),
		passed: f.counters("shop_read_passed_over_total", "Nodes that a read passed over, by reason.", "reason",
			append(causes(), "old", "empty", "behind")...),
		probes: f.counters("shop_write_probes_total",
			"Writes made each second to see whether the shop can sell, by outcome.", "outcome", "success", "failure"),
		probeSuccess: f.later("shop_write_probe_success",
			"1 if the last write made to see whether the shop can sell was acknowledged within a second, else 0."),
		probeDuration: f.later("shop_write_probe_duration_seconds", "Time that the last such write took, or was waited for."),
	}
}

// factory makes metrics that are registered.
type factory struct{ promauto.Factory }

func (f factory) counter(name, help string) prometheus.Counter {
	return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func (f factory) gauge(name, help string) prometheus.Gauge {
	return f.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

// later makes a gauge that is not there before its first value.
func (f factory) later(name, help string) *prometheus.GaugeVec {
	return f.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, nil)
}

// counters makes those of the known values at once, so that rate() sees the first
// event: from 0 to 1 is a rise, from nothing to 1 is none.
func (f factory) counters(name, help, label string, known ...string) *prometheus.CounterVec {
	made := f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	each(made, known)
	return made
}

// each looks all counters of a vector up, for those that every request needs.
func each(of *prometheus.CounterVec, known []string) map[string]prometheus.Counter {
	found := map[string]prometheus.Counter{}
	for _, value := range known {
		found[value] = of.WithLabelValues(value)
	}
	return found
}

func (m *metrics) committed(script, outcome string, took time.Duration) {
	if m != nil {
		m.duration.WithLabelValues(script, outcome).Observe(took.Seconds())
		m.outcomes[outcome].Inc()
	}
}

func (m *metrics) retried(cause string) {
	if m != nil {
		m.retries.WithLabelValues(cause).Inc()
	}
}

func (m *metrics) group(size, waiting int) {
	if m != nil {
		m.groups.Observe(float64(size))
		m.queue.Set(float64(waiting))
	}
}

func (m *metrics) acknowledged(how string, n int) {
	if m != nil {
		m.cases[how].Add(float64(n))
	}
}

func (m *metrics) withheld(n int) {
	if m != nil {
		m.unproven.Add(float64(n))
	}
}

func (m *metrics) failover() {
	if m != nil {
		m.failovers.Inc()
	}
}

func (m *metrics) read(source string) {
	if m != nil {
		m.reads[source].Inc()
	}
}

func (m *metrics) readRefused(r Reader) {
	if m != nil {
		m.refusals[r.String()].Inc()
	}
}

func readerLabels() (names []string) {
	for _, r := range queued() {
		names = append(names, r.String())
	}
	return names
}

func (m *metrics) passedOver(err error) {
	if m == nil {
		return
	}
	reason := cause(err)
	switch {
	case errors.Is(err, errOld):
		reason = "old"
	case errors.Is(err, errEmpty):
		reason = "empty"
	case errors.Is(err, errBehind):
		reason = "behind"
	case errors.Is(err, errOtherHistory):
		reason = "other-history"
	}
	m.passed.WithLabelValues(reason).Inc()
}

func (m *metrics) probed(err error, took time.Duration) {
	if m == nil {
		return
	}
	success, outcome := 1.0, "success"
	if err != nil {
		success, outcome = 0, "failure"
	}
	m.probeSuccess.WithLabelValues().Set(success)
	m.probeDuration.WithLabelValues().Set(took.Seconds())
	m.probes.WithLabelValues(outcome).Inc()
}
