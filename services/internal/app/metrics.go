package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"

	"evergreen/services/internal/config"
	"evergreen/services/internal/migrations"
	"evergreen/services/internal/purchases"
	"evergreen/services/internal/sessions"
	"evergreen/services/internal/web"
)

// metrics is a replica's registry with what the rooms of the shop count; redisdb
// adds its own. docs/metrics.md says what each of them means.
type metrics struct {
	registry  *prometheus.Registry
	web       *web.Metrics
	sessions  *sessions.Metrics
	purchases *purchases.Metrics
	migrated  *migrations.Metrics
}

func newMetrics(c config.Config) metrics {
	m := metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		version.NewCollector("shop"))
	if unmetered(c.ReplicaName) {
		return m
	}
	m.web, m.sessions, m.purchases = web.NewMetrics(m.registry), sessions.NewMetrics(m.registry), purchases.NewMetrics(m.registry)
	m.migrated = migrations.NewMetrics(m.registry)
	defaults := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "shop_config_default", Help: "1 for a setting that was left at a default or an example that is unfit for the public, else 0.",
	}, []string{"setting"})
	m.registry.MustRegister(defaults)
	for name, is := range c.Defaults() {
		if defaults.WithLabelValues(name); is {
			defaults.WithLabelValues(name).Set(1)
		}
	}
	return m
}
