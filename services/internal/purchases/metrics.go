package purchases

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"evergreen/services/internal/redisdb"
)

// Metrics count what is bought. Only what was acknowledged is counted, and under
// one Idempotency-Key only once: by the replica that gives the answer to the
// request that had the effect (redisdb.Result.Own). The nil Metrics count nothing.
type Metrics struct {
	statuses            map[string]prometheus.Counter
	revenue, refunded   *prometheus.CounterVec
	stockOuts, refusals prometheus.Counter

	quotas           *prometheus.CounterVec
	purged           prometheus.Counter
	unpaidBytes      *prometheus.GaugeVec
	unpaidMost       prometheus.Gauge
	reservedShare    prometheus.Gauge
	reservedProducts prometheus.Gauge
}

// NewMetrics registers the metrics with registry.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.CounterOpts { return prometheus.CounterOpts{Name: name, Help: help} }
	statuses := prometheus.NewCounterVec(counter("shop_purchases_total", "Purchases that came into a status, by status."), []string{"status"})
	m := &Metrics{
		statuses: map[string]prometheus.Counter{},
		revenue: prometheus.NewCounterVec(counter("shop_revenue_minor_units_total",
			"Totals of the purchases that were paid, in minor units, by currency."), []string{"currency"}),
		refunded: prometheus.NewCounterVec(counter("shop_refunded_minor_units_total",
			"What was refunded of purchases, in minor units, by currency."), []string{"currency"}),
		stockOuts: prometheus.NewCounter(counter("shop_stock_outs_total", "Times that a sale took a product's last piece.")),
		refusals:  prometheus.NewCounter(counter("shop_stock_refusals_total", "Purchases and late payments refused for want of stock.")),
	}
	for _, status := range Statuses() {
		m.statuses[status] = statuses.WithLabelValues(status) // from 0 on, so that rate() sees the first one
	}
	registry.MustRegister(statuses, m.revenue, m.refunded, m.stockOuts, m.refusals)
	m.registerQuotas(registry)
	return m
}

// counts holds for an outcome that is to be counted here. An answer that comes
// after the request's deadline is none that nginx still waits for: this replica
// stood still, and the one that nginx asked instead has counted.
func (m *Metrics) counts(ctx context.Context, r redisdb.Result) bool {
	deadline, has := ctx.Deadline()
	return m != nil && r.Own && (!has || time.Now().Before(deadline))
}

// created counts what came of create.lua.
func (m *Metrics) created(ctx context.Context, r redisdb.Result) {
	switch {
	case !m.counts(ctx, r):
	case r.Code == 0:
		m.statuses[Pending].Inc()
		m.stockOuts.Add(float64(r.Int(len(r.Values) - 1)))
	case r.Code == codeShort:
		m.refusals.Inc()
	}
}

// moved counts what came of a script that moves a purchase into status, or leaves
// it where it is, as a refund in parts does.
func (m *Metrics) moved(ctx context.Context, status string, r redisdb.Result) {
	switch {
	case !m.counts(ctx, r):
	case r.Code == 0 && r.Values[0] == status:
		m.statuses[status].Inc()
		if status == Paid {
			m.stockOuts.Add(float64(r.Int(movedExtra)))
		}
	case r.Code == moveTooMany && status == Paid:
		m.refusals.Inc()
	}
}

// money counts what a script that has moved a purchase brought in or gave back.
func (m *Metrics) money(ctx context.Context, status string, fixed frozen, r redisdb.Result) {
	switch {
	case !m.counts(ctx, r):
	case status == Paid:
		m.revenue.WithLabelValues(fixed.Total.Currency).Add(float64(fixed.Total.Amount))
	case status == Refunded:
		back := refundedAmount(fixed.Items, fromResult(r, 0).Refunded) - refundedAmount(fixed.Items, r.Values[movedExtra])
		m.refunded.WithLabelValues(fixed.Total.Currency).Add(float64(back))
	}
}
