//go:build drill

package redisdb

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
)

// openWeak gives a DB with these weaknesses.
func openWeak(t *testing.T, deadline time.Duration, names string) *DB {
	t.Helper()
	t.Setenv(weaknessSetting, names)
	return open(t, deadline)
}

// weakly gives countScript as it is with these weaknesses.
func weakly(t *testing.T, names string) *Script {
	t.Helper()
	t.Setenv(weaknessSetting, names)
	return NewScript(countScript.Name, countBody)
}

// pauseReplicas freezes both replicas and gives what wakes them.
func pauseReplicas(t *testing.T) (wake func()) {
	t.Helper()
	replicas := eachReplica(t)
	for _, replica := range replicas {
		require.NoError(t, replica.Pause())
	}
	return func() {
		for _, replica := range replicas {
			require.NoError(t, replica.Resume())
		}
		require.NoError(t, nodes.AwaitHealthy(t.Context()))
	}
}

func TestSomeWeaknessesAcknowledgeWhatNoReplicaHas(t *testing.T) {
	for _, row := range []struct {
		names string
		acked bool
	}{
		{"", false},
		{noWait, true},
		{waitElsewhere, true},
		{toldEarly, true},
		{waitWithoutRule, false},
		{noIncr, false},
		{oneWaitPerWrite, false},
		{noRequestIDs + ", " + refusalsForgot, false},
	} {
		t.Run("with "+row.names, func(t *testing.T) {
			db, key := openWeak(t, 1200*time.Millisecond, row.names), unique("counter")
			_, err := db.Commit(t.Context(), counting(key, 9, request(key)))
			require.NoError(t, err)
			defer pauseReplicas(t)()
			_, err = db.Commit(t.Context(), counting(key, 9, request(key+":2")))
			if row.acked {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, ErrOutcomeUnknown)
			}
		})
	}
}

func TestWithoutTheRuleOneReplicaIsEnoughWhoeverIsMaster(t *testing.T) {
	db, rival := openWeak(t, generous, waitWithoutRule), eachReplica(t)[0]
	primary := db.topology.now.Load().primary
	_, err := nodes.Redis(t.Context(), rival.Name(), "REPLICAOF", "NO", "ONE")
	require.NoError(t, err)
	defer follow(t, rival.Name(), primary)
	_, err = db.committer.rule(t.Context(), primary, 1)
	require.NoError(t, err)
	_, err = db.committer.rule(t.Context(), primary, 0)
	require.ErrorIs(t, err, errShort)
	ask, err := db.committer.rely(t.Context(), db.topology.client(primary))
	require.NoError(t, err)
	require.EqualValues(t, 1, ask)
}

func TestWithoutRequestIDsARetryCountsTwice(t *testing.T) {
	db := open(t, generous)
	for _, row := range []struct {
		weakness string
		request  func(string) idempotency.Request
		want     string
	}{
		{"", request, "1"}, {noRequestIDs, request, "2"}, {noRequestIDs, byClient, "2"}, {noOwnIDs, request, "2"}, {noOwnIDs, byClient, "1"},
	} {
		key, script := unique("counter"), weakly(t, row.weakness)
		for range 2 {
			_, err := db.Commit(t.Context(), script.Command(row.request(key), "tester", []string{key}, 9))
			require.NoError(t, err)
		}
		require.Equal(t, row.want, ask(t, "GET", key), "%+v", row)
	}
}

func TestWhoForgetsRefusalsRemembersEffects(t *testing.T) {
	db, key, script := open(t, generous), unique("counter"), weakly(t, refusalsForgot)
	for _, row := range []struct {
		limit, code int
		replayed    bool
	}{{0, 1, false}, {9, 0, false}, {9, 0, true}} {
		result, err := db.Commit(t.Context(), script.Command(request(key), "tester", []string{key}, row.limit))
		require.NoError(t, err)
		require.Equal(t, row.code, result.Code)
		require.Equal(t, row.replayed, result.Replayed)
	}
	require.Equal(t, "1", ask(t, "GET", key))

	key = unique("counter")
	for range 2 {
		result, err := db.Commit(t.Context(), script.Command(byClient(key), "tester", []string{key}, 0))
		require.NoError(t, err)
		require.Equal(t, 1, result.Code)
	}
	result, err := db.Commit(t.Context(), script.Command(byClient(key), "tester", []string{key}, 9))
	require.NoError(t, err)
	require.Equal(t, 1, result.Code, "a client's key is remembered")
}

func TestTheDriversOwnRetryCountsTwice(t *testing.T) {
	db, key := openWeak(t, generous, driverRetries), unique("counter")
	done := make(chan error, 1)
	wake := pauseReplicas(t)
	go func() {
		_, err := db.Commit(t.Context(), counting(key, 9, idempotency.Request{}))
		done <- err
	}()
	require.Eventually(t, func() bool { return ask(t, "GET", key) == "1" }, generous, time.Millisecond)
	ask(t, "CLIENT", "KILL", "TYPE", "normal")
	require.Eventually(t, func() bool { return ask(t, "GET", key) == "2" }, generous, time.Millisecond)
	wake()
	t.Log("the write that was cut off ended with", <-done)
	require.Equal(t, "2", ask(t, "GET", key))
}

func TestWithoutTheIncrTheNumberStaysAsItIs(t *testing.T) {
	strong, weak, key := open(t, generous), openWeak(t, generous, noIncr), unique("counter")
	first, err := strong.Commit(t.Context(), counting(key, 9, request(key)))
	require.NoError(t, err)
	require.NoError(t, strong.Stop()) // it has a heartbeat of its own
	for range 3 {
		result, err := weak.Commit(t.Context(), counting(key, 9, request(unique("counter"))))
		require.NoError(t, err)
		require.LessOrEqual(t, result.Seq, first.Seq+2)
	}
}

func TestOneWaitPerWriteMakesGroupsOfOne(t *testing.T) {
	db, key := openWeak(t, generous, oneWaitPerWrite), unique("counter")
	done := make(chan error)
	for range 50 {
		go func() {
			_, err := db.Commit(t.Context(), counting(key, 1000, idempotency.Request{}))
			done <- err
		}()
	}
	for range 50 {
		require.NoError(t, <-done)
	}
	var groups dto.Metric
	require.NoError(t, db.metrics.groups.Write(&groups))
	require.InDelta(t, float64(groups.GetHistogram().GetSampleCount()), groups.GetHistogram().GetSampleSum(), 0.5)
}

func TestAWeaknessThatNobodyKnowsEndsTheProgram(t *testing.T) {
	t.Setenv(weaknessSetting, "no-wiat")
	require.Panics(t, func() { weaknesses() })
}

func TestOnlyAWeakProgramRemembersAsTheNewestLayoutHasItWhileLayout1IsInForce(t *testing.T) {
	for _, row := range []struct {
		names  string
		asWell bool // the release before finds it
	}{{"", true}, {layout3Early, false}} {
		t.Run("with "+row.names, func(t *testing.T) {
			db, key := openWeak(t, 5*time.Second, row.names), unique("counter")
			r := request(key)
			r.Caller = "caller"
			_, err := db.Commit(t.Context(), weakly(t, row.names).Command(r, "actor", []string{key}, 9))
			require.NoError(t, err)
			record, err := db.Value(FromPrimary(t.Context()), KeyRequest(r.Record))
			require.NoError(t, err)
			require.Equal(t, row.asWell, record != "", "%q", record)
		})
	}
}

func TestWithoutAllowOOMNothingThatFreesMemoryRunsAtMaxmemory(t *testing.T) {
	for names, refused := range map[string]bool{"": false, noAllowOOM: true} {
		db, key := openWeak(t, 2*time.Second, names), unique("counter")
		ask(t, "SET", key, "1")
		empty := fill(t)
		script := NewFreeingScript("test.free", "redis.call('DEL', keys[1])\nreturn finish(0)")
		_, err := db.Commit(t.Context(), script.Command(request(unique("r")), "tester", []string{key}))
		empty()
		if refused {
			require.ErrorIs(t, err, ErrFull)
			require.Equal(t, "1", ask(t, "EXISTS", key))
		} else {
			require.NoError(t, err)
			require.Equal(t, "0", ask(t, "EXISTS", key))
		}
	}
}

func TestWithoutAReserveCustomersAreRefusedAtMaxmemoryOnly(t *testing.T) {
	for names, percent := range map[string]int{"": 95, noAdminReserve: 100} {
		t.Setenv(weaknessSetting, names)
		db := New(Settings{Replica: t.Name(), CustomerMemoryPercent: 95}, prometheus.NewRegistry(), quiet())
		require.Equal(t, percent, db.settings.CustomerMemoryPercent)
	}
}
