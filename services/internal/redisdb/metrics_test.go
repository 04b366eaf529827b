package redisdb

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
)

// read gives a metric's value; a histogram's is the number of observations.
func read(t *testing.T, metric prometheus.Metric) float64 {
	t.Helper()
	var got dto.Metric
	require.NoError(t, metric.Write(&got))
	switch {
	case got.Counter != nil:
		return got.GetCounter().GetValue()
	case got.Gauge != nil:
		return got.GetGauge().GetValue()
	}
	return float64(got.GetHistogram().GetSampleCount())
}

func TestWhatIsWithheldAndUnknownIsCounted(t *testing.T) {
	db, key := open(t, 1500*time.Millisecond), unique("counter")
	replicas := eachReplica(t)
	for _, replica := range replicas {
		require.NoError(t, replica.Pause())
	}
	_, err := db.Commit(t.Context(), counting(key, 9, request(key)))
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	for _, replica := range replicas {
		require.NoError(t, replica.Resume())
	}
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
	require.Positive(t, read(t, db.metrics.unproven))
	require.Positive(t, read(t, db.metrics.groups))
	require.Positive(t, db.metrics.retriesFor(t, "not-acknowledged"))
	unknowns, is := db.metrics.duration.WithLabelValues(countScript.Name, "unknown").(prometheus.Histogram)
	require.True(t, is)
	require.InDelta(t, 1, read(t, unknowns), 0)
}

func TestAFailoverIsCountedAndWhatItHoldsToo(t *testing.T) {
	a := newArena(t, nil)
	db, primary := a.dbs[0], a.whole(t)
	commitValue(t, db, unique("counter"))
	require.NoError(t, a.Process(primary).Kill())
	done, key := make(chan []ending, 1), unique("counter")
	go func() { done <- commitAll(t, db, counts(key, 20)) }()
	require.Eventually(t, func() bool { return valuesOf(t, collector{db}, "shop_commit_held_writes")[""] >= 20 }, generous, time.Millisecond)
	require.Eventually(t, func() bool { return db.metrics.retriesFor(t, "no-connection") > 0 }, generous, time.Millisecond)
	for _, e := range <-done {
		require.NoError(t, e.err)
	}
	require.InDelta(t, 1, read(t, db.metrics.failovers), 0)
	require.Positive(t, read(t, db.metrics.cases[caseOne]), "one of three nodes is gone")
	_, err := db.Commit(t.Context(), counting(key, 99, idempotency.Request{}))
	require.NoError(t, err)
}

func TestAGroupIsMeasuredWhenItGoesOut(t *testing.T) {
	m := newMetrics(prometheus.NewRegistry())
	m.group(3, 70)
	m.group(5, 60)
	require.InDelta(t, 60, read(t, m.queue), 0)
	require.InDelta(t, 2, read(t, m.groups), 0)
}
