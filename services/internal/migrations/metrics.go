package migrations

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics tell how far the migrations are. A nil Metrics counts nothing.
type Metrics struct {
	state   *prometheus.GaugeVec
	objects *prometheus.CounterVec
}

// NewMetrics registers them.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		state: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "shop_migration_state",
			Help: "How far a migration of the stored data is: 0 waiting, 1 copying, 2 copied, 3 contracted.",
		}, []string{"migration"}),
		objects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shop_migration_objects_total", Help: "Stored objects that this replica's copies have looked at, by what became of them.",
		}, []string{"migration", "result"}),
	}
	registry.MustRegister(m.state, m.objects)
	for _, migration := range All() {
		m.at(migration, Waiting)
		m.worked(migration, Batch{})
	}
	return m
}

// at notes the state of a migration.
func (m *Metrics) at(migration Migration, now State) {
	if m == nil {
		return
	}
	for i, state := range states() {
		if state == now {
			m.state.WithLabelValues(strconv.Itoa(migration.Number)).Set(float64(i))
		}
	}
}

// worked counts the objects of a batch that is acknowledged.
func (m *Metrics) worked(migration Migration, batch Batch) {
	if m == nil {
		return
	}
	number := strconv.Itoa(migration.Number)
	m.objects.WithLabelValues(number, "changed").Add(float64(len(batch.Keys)))
	m.objects.WithLabelValues(number, "kept").Add(float64(batch.Seen - int64(len(batch.Keys))))
}
