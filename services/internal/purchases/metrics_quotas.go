package purchases

import "github.com/prometheus/client_golang/prometheus"

// quotaNames lists the codes of refusals by a quota; one series each.
func quotaNames() []string {
	return []string{
		"quota-open-purchases", "quota-open-lines", "quota-open-pieces", "quota-product-pieces", "max-per-customer", "cool-down",
		"quota-share", "quota-address", "quota-day-keys", "quota-day-bytes", "quota-day-share", "quota-day-address",
	}
}

func (m *Metrics) registerQuotas(registry prometheus.Registerer) {
	m.quotas = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "shop_quota_refusals_total", Help: "Writes that a quota refused, by the code of the refusal.",
	}, []string{"quota"})
	for _, name := range quotaNames() {
		m.quotas.WithLabelValues(name)
	}
	m.purged = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "shop_purged_purchases_total", Help: "Cancelled and expired purchases that were deleted because of their age.",
	})
	m.unpaidBytes = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "shop_unpaid_bytes",
		Help: "Bytes of pending, cancelled and expired purchases, by whether their customers have a paid one.",
	}, []string{"customers"})
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m.unpaidMost = gauge("shop_unpaid_bytes_max", "The most that shop_unpaid_bytes may be.")
	m.reservedShare = gauge("shop_product_reserved_share_max", "The largest share of a product's pieces that unpaid purchases hold.")
	m.reservedProducts = gauge("shop_products_mostly_reserved",
		"Products of which unpaid purchases hold more than half of the pieces.")
	registry.MustRegister(m.quotas, m.purged, m.unpaidBytes, m.unpaidMost, m.reservedShare, m.reservedProducts)
}

// Refused counts a refusal by a quota.
func (m *Metrics) Refused(quota string) {
	if m != nil {
		m.quotas.WithLabelValues(quota).Inc()
	}
}

func (m *Metrics) purgedPurchases(n int64) {
	if m != nil {
		m.purged.Add(float64(n))
	}
}

func (m *Metrics) unpaid(customers string, bytes, most int64) {
	if m != nil {
		m.unpaidBytes.WithLabelValues(customers).Set(float64(bytes))
		m.unpaidMost.Set(float64(most))
	}
}

func (m *Metrics) reserved(largest float64, mostly int) {
	if m != nil {
		m.reservedShare.Set(largest)
		m.reservedProducts.Set(float64(mostly))
	}
}
