package redisdb

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
)

func TestWhatWaitsTogetherRidesTogether(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	var group sync.WaitGroup
	for range 500 {
		group.Go(func() {
			if _, err := db.Commit(t.Context(), counting(key, 1000, idempotency.Request{})); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Equal(t, "500", ask(t, "GET", key))
	var groups, acknowledged dto.Metric
	require.NoError(t, db.metrics.groups.Write(&groups))
	require.NoError(t, db.metrics.cases[caseTwo].Write(&acknowledged))
	require.GreaterOrEqual(t, acknowledged.GetCounter().GetValue(), 500.0)
	require.Less(t, groups.GetHistogram().GetSampleCount(), uint64(100))
}

func TestBeyondTheBoundOfHeldWritesOneIsRefusedAtOnce(t *testing.T) {
	db, key := open(t, 2*time.Second), unique("counter")
	replicas := eachReplica(t)
	for _, replica := range replicas {
		require.NoError(t, replica.Pause())
	}
	var busy, unknown atomic.Int64
	var group sync.WaitGroup
	for range maxHeld + 100 {
		group.Go(func() {
			start := time.Now()
			_, err := db.Commit(t.Context(), counting(key, 0, idempotency.Request{}))
			switch {
			case faultIs(err, ErrBusy) && time.Since(start) < time.Second:
				busy.Add(1)
			case faultIs(err, ErrOutcomeUnknown), faultIs(err, ErrUnavailable):
				unknown.Add(1)
			}
		})
	}
	group.Wait()
	require.Positive(t, busy.Load())
	require.EqualValues(t, maxHeld+100, busy.Load()+unknown.Load())
	for _, replica := range replicas {
		require.NoError(t, replica.Resume())
	}
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
	commitValue(t, db, key)
}

func TestTheRuleRefusesOneReplicaWhileAnotherNodeIsMaster(t *testing.T) {
	db := open(t, generous)
	primary := db.topology.now.Load().primary
	how, err := db.topology.acknowledged(t.Context(), primary, 1)
	require.NoError(t, err)
	require.Equal(t, caseOne, how)
	_, err = db.topology.acknowledged(t.Context(), primary, 0)
	require.ErrorIs(t, err, errShort)

	rival := eachReplica(t)[0]
	host := ask(t, "CONFIG", "GET", "bind") // only to be sure that the primary answers
	require.NotEmpty(t, host)
	_, err = nodes.Redis(t.Context(), rival.Name(), "REPLICAOF", "NO", "ONE")
	require.NoError(t, err)
	_, err = db.topology.acknowledged(t.Context(), primary, 1)
	require.ErrorIs(t, err, errPromoted)
	how, err = db.topology.acknowledged(t.Context(), primary, 2)
	require.NoError(t, err)
	require.Equal(t, caseTwo, how)
	follow(t, rival.Name(), primary)
}

func TestTheNewestConfigurationNamesThePrimary(t *testing.T) {
	old := testimony{primary: "a", epoch: 1, known: []string{"a", "b"}, replicas: []string{"b"}}
	switched := testimony{primary: "b", epoch: 2, known: []string{"b", "a"}, replicas: []string{"a"}}
	promoting := testimony{primary: "b", epoch: 1, promoted: true, known: []string{"a", "b"}}
	before := &view{primary: "x", nodes: []string{"x"}}
	for _, row := range []struct {
		name string
		said []testimony
		want string
	}{
		{"nobody answers", nil, "x"},
		{"one against two that are behind", []testimony{old, old, switched}, "b"},
		{"a promotion under way", []testimony{old, promoting, old}, "b"},
		{"a promotion that is over", []testimony{promoting, switched}, "b"},
		{"all agree", []testimony{old, old}, "a"},
	} {
		require.Equal(t, row.want, merge(row.said, before).primary, row.name)
	}
	require.Equal(t, []string{"a", "b", "x"}, merge([]testimony{old}, before).nodes)
}

func TestAReplicaIsAliveWhenHalfOfTheSentinelsWithTheNewestConfigurationSeeIt(t *testing.T) {
	sees := func(epoch int64, primary string, replicas ...string) testimony {
		return testimony{primary: primary, epoch: epoch, replicas: replicas}
	}
	for _, row := range []struct {
		name string
		said []testimony
		want []string
	}{
		{"all see both", []testimony{sees(1, "a", "b", "c"), sees(1, "a", "c", "b"), sees(1, "a", "b", "c")}, []string{"b", "c"}},
		{"one sees neither", []testimony{sees(1, "a"), sees(1, "a", "b", "c"), sees(1, "a", "b", "c")}, []string{"b", "c"}},
		{"two see neither", []testimony{sees(1, "a", "b", "c"), sees(1, "a"), sees(1, "a")}, nil},
		{"one of two sees one", []testimony{sees(1, "a"), sees(1, "a", "c")}, []string{"c"}},
		{"those of an older configuration do not count", []testimony{sees(1, "a", "b"), sees(1, "a", "b"), sees(2, "b", "c")}, []string{"c"}},
		{"those that name another primary do not count", []testimony{sees(2, "b", "c"), sees(2, "a", "b"), sees(2, "a", "b")}, []string{"c"}},
	} {
		require.Equal(t, row.want, merge(row.said, &view{}).replicas, row.name)
	}
}

func TestAfterTheEndNobodyIsLeftWaiting(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() {
			_, err := db.Commit(t.Context(), counting(key, 1000, idempotency.Request{}))
			if err != nil && !faultIs(err, ErrUnavailable) && !faultIs(err, ErrOutcomeUnknown) {
				t.Error(err)
			}
		})
	}
	require.NoError(t, db.Stop())
	group.Wait()
	_, err := db.Commit(t.Context(), counting(key, 1000, idempotency.Request{}))
	require.ErrorIs(t, err, ErrUnavailable)
	require.NoError(t, db.Stop())
}
