package redisdb

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

// valuesOf gives a gauge's values by its one label's, or by "" when it has none.
func valuesOf(t *testing.T, of prometheus.Collector, name string) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(of))
	families, err := registry.Gather()
	require.NoError(t, err)
	found := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name {
				found[labelOf(metric)] = metric.GetGauge().GetValue()
			}
		}
	}
	return found
}

func labelOf(metric *dto.Metric) string {
	if len(metric.GetLabel()) == 0 {
		return ""
	}
	return metric.GetLabel()[0].GetValue()
}

// sells is what the last probe said; there is false while there was none.
func (db *DB) saysItSells(t *testing.T) (sells, there bool) {
	t.Helper()
	value, there := valuesOf(t, db.metrics.probeSuccess, "shop_write_probe_success")[""]
	return value == 1, there
}

func (db *DB) probeCount(t *testing.T, outcome string) float64 {
	t.Helper()
	return read(t, db.metrics.probes.WithLabelValues(outcome))
}

func TestTheProbeDipsWhileThePrimaryIsFrozenAndComesBackWithTheNextOne(t *testing.T) {
	a := newArena(t, nil)
	primary := a.whole(t)
	old := a.Process(primary).Addr()
	for _, db := range a.dbs {
		require.Eventually(t, func() bool {
			sells, _ := db.saysItSells(t)
			return sells && len(db.lags.of([]string{old})) == 1
		}, generous, 10*time.Millisecond, "it sells, and each node's data was asked for its age")
		require.Equal(t, map[string]float64{old: 1}, valuesOf(t, collector{db}, "shop_redis_primary_info"))
	}
	frozen := time.Now()
	require.NoError(t, a.Process(primary).Pause())
	for _, db := range a.dbs {
		require.Eventually(t, func() bool { sells, there := db.saysItSells(t); return there && !sells }, generous, 5*time.Millisecond)
	}
	// A probe begins within a second, and waits for one; the rest is for a busy machine.
	took := time.Since(frozen)
	require.Less(t, took, 3*time.Second)
	for _, db := range a.dbs {
		require.Eventually(t, func() bool { sells, _ := db.saysItSells(t); return sells }, 2*generous, 10*time.Millisecond)
		now := db.topology.now.Load().primary
		require.NotEqual(t, old, now)
		require.Equal(t, map[string]float64{now: 1}, valuesOf(t, collector{db}, "shop_redis_primary_info"))
		require.Positive(t, db.probeCount(t, "failure"))
		lags := valuesOf(t, collector{db}, "shop_redis_replica_lag_seconds")
		require.NotContains(t, lags, now)
		require.Greater(t, lags[old], time.Since(frozen).Seconds()-1, "the frozen one only gets older")
	}
	t.Logf("0 after %s, 1 again after %s", took.Round(time.Millisecond), time.Since(frozen).Round(time.Millisecond))
	require.NoError(t, a.Process(primary).Resume())
	a.whole(t)
	require.Eventually(t, func() bool { return valuesOf(t, collector{a.dbs[0]}, "shop_redis_replica_lag_seconds")[old] < 2 }, generous, 10*time.Millisecond)
}

func TestTheProbeFailsWhenNoReplicaCanAcknowledge(t *testing.T) {
	db := open(t, generous)
	require.Eventually(t, func() bool { sells, _ := db.saysItSells(t); return sells }, generous, 10*time.Millisecond)
	for _, replica := range eachReplica(t) {
		require.NoError(t, replica.Pause())
	}
	require.Eventually(t, func() bool { sells, there := db.saysItSells(t); return there && !sells }, generous, 10*time.Millisecond)
	for _, replica := range eachReplica(t) {
		require.NoError(t, replica.Resume())
	}
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
	require.Eventually(t, func() bool { sells, _ := db.saysItSells(t); return sells }, generous, 10*time.Millisecond)
}

func TestOneProberRunsFromStartToStop(t *testing.T) {
	db := open(t, generous)
	db.Start() // once more: it has no effect
	require.Eventually(t, func() bool { return db.probeCount(t, "success") > 0 }, generous, 10*time.Millisecond)
	begun, before := time.Now(), db.probeCount(t, "success")
	require.Eventually(t, func() bool { return db.probeCount(t, "success") >= before+3 }, generous, 10*time.Millisecond)
	require.Greater(t, time.Since(begun), 1500*time.Millisecond, "one a second")
	require.NoError(t, db.Stop())
	success, failure := db.probeCount(t, "success"), db.probeCount(t, "failure")
	require.NoError(t, db.Stop())
	require.Never(t, func() bool { return db.probeCount(t, "success") != success }, 1500*time.Millisecond, 50*time.Millisecond)
	require.Zero(t, failure, "that it was stopped is no failure")
	sells, there := db.saysItSells(t)
	require.True(t, there && sells)
}

func TestNothingIsSaidBeforeTheFirstProbe(t *testing.T) {
	db := New(Settings{Replica: t.Name()}, prometheus.NewRegistry(), quiet())
	_, there := db.saysItSells(t)
	require.False(t, there)
	require.Empty(t, valuesOf(t, collector{db}, "shop_redis_primary_info"))
	require.Empty(t, valuesOf(t, collector{db}, "shop_redis_replica_lag_seconds"))
}

func TestWhatIsUnmeteredTellsNothingAndCommitsAllTheSame(t *testing.T) {
	registry := prometheus.NewRegistry()
	settings := open(t, generous).settings
	settings.Unmetered = true
	db := New(settings, registry, quiet())
	db.Start()
	t.Cleanup(func() { require.NoError(t, db.Stop()) })
	key := unique("counter")
	_, err := db.Commit(t.Context(), counting(key, 9, request(key)))
	require.NoError(t, err)
	value, err := db.Value(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, "1", value)
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Empty(t, families)
}

func TestALagIsTheAgeOfTheHeartbeatAndGrowsInSilence(t *testing.T) {
	l := lags{known: map[string]lag{}}
	l.note("never", 0, errSilent)
	l.note("fresh", 300*time.Millisecond, nil)
	l.note("ahead", -time.Millisecond, nil)
	l.note("silent", time.Second, nil)
	l.note("silent", 0, errSilent)
	begun := time.Now()
	require.Eventually(t, func() bool { return time.Since(begun) > 100*time.Millisecond }, generous, 10*time.Millisecond)
	found := l.of([]string{"never", "fresh", "ahead", "silent", "unknown"})
	require.Len(t, found, 3)
	require.Equal(t, 300*time.Millisecond, found["fresh"])
	require.Zero(t, found["ahead"])
	require.Greater(t, found["silent"], 1100*time.Millisecond)
	l.note("silent", 0, nil)
	require.Zero(t, l.of([]string{"silent"})["silent"])
}

func TestReadsAreCountedByWhoAnswered(t *testing.T) {
	db := open(t, generous)
	commitValue(t, db, unique("counter"))
	count := func(source string) float64 { return read(t, db.metrics.reads[source]) }
	replica, group := count(sourceReplica), count(sourceGroup)
	require.NoError(t, db.Ping(t.Context()))
	require.InDelta(t, replica+1, count(sourceReplica), 0)
	_, err := db.Value(FromPrimary(t.Context()), KeyHeartbeat())
	require.NoError(t, err)
	require.InDelta(t, group+1, count(sourceGroup), 0)
	require.Zero(t, count(sourceStale)+count(sourceNobody))
}

func TestNoErrorMakesALabelOfItsOwn(t *testing.T) {
	db := open(t, time.Second)
	for _, said := range []string{"MYOWN error", "ERR known", "NOREPLICAS yes", "Whatever\nit is"} {
		script := NewScript("test.fails", "return redis.error_reply("+quoted(said)+")")
		_, err := db.Commit(t.Context(), script.Command(request(unique("request")), "tester", nil))
		require.Error(t, err)
		require.Contains(t, causes(), cause(err), said)
	}
	require.Equal(t, "err", cause(replyError("ERR known")))
	require.Equal(t, "other", cause(replyError("MYOWN error")))
}

// replyError is an answer of Redis.
type replyError string

func (e replyError) Error() string { return string(e) }
func (replyError) RedisError()     {}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "\n", `\n`) + "'" }
