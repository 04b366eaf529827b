package sessions

import (
	"github.com/prometheus/client_golang/prometheus"

	"evergreen/services/internal/redisdb"
)

// Metrics count logins and log-outs that were acknowledged. The nil Metrics count
// nothing.
type Metrics struct{ started, ended prometheus.Counter }

// NewMetrics registers the metrics with registry.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		started: prometheus.NewCounter(prometheus.CounterOpts{Name: "shop_sessions_started_total", Help: "Sessions that were opened by a login."}),
		ended:   prometheus.NewCounter(prometheus.CounterOpts{Name: "shop_sessions_ended_total", Help: "Sessions that were ended by a log-out."}),
	}
	registry.MustRegister(m.started, m.ended)
	return m
}

func (m *Metrics) opened() {
	if m != nil {
		m.started.Inc()
	}
}

// closed counts a session that this log-out has ended: one that was there, or
// that an earlier try of the same commit has found there.
func (m *Metrics) closed(r redisdb.Result) {
	if m != nil && (r.Int(0) == 1 || r.Repeated) {
		m.ended.Inc()
	}
}
