package redisdb

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// lacking is a shop's database in which a thing was acknowledged by one replica, while
// the other one had lost its primary a moment before and answers all the same.
type lacking struct {
	db              *DB
	key             string
	primary         *stack.Process
	holder, without *stack.Process
	frozen          []*stack.Process
	reattach        func()
}

func oneLacks(t *testing.T, deadline time.Duration) *lacking {
	t.Helper()
	db, key := open(t, deadline), unique("hash")
	commitValue(t, db, unique("counter"))
	replicas := eachReplica(t)
	l := &lacking{db: db, key: key, primary: nodes.Process(mustPrimary(t)), without: replicas[0], holder: replicas[1]}
	require.NoError(t, db.beat(t.Context(), time.Now().Add(generous))) // its data is new for the next 2 s
	l.reattach = cutOff(t, l.without)
	ask(t, "HSET", key, "field", "value")
	ask(t, "SET", key+":text", "value")
	commitValue(t, db, unique("counter")) // what came before it on the primary has the holder, too
	l.askFirst(l.without)
	return l
}

// askFirst has every read begin at this replica.
func (l *lacking) askFirst(replica *stack.Process) {
	for _, other := range []*stack.Process{l.without, l.holder} {
		l.db.penalties.Delete(other.Addr())
		if other != replica {
			l.db.penalties.Store(other.Addr(), time.Now().Add(time.Minute))
		}
	}
}

// freeze stops processes until mend.
func (l *lacking) freeze(t *testing.T, processes ...*stack.Process) {
	t.Helper()
	for _, p := range processes {
		require.NoError(t, p.Pause())
		l.frozen = append(l.frozen, p)
	}
}

// mend makes the nodes whole again.
func (l *lacking) mend(t *testing.T) {
	t.Helper()
	for _, p := range l.frozen {
		require.NoError(t, p.Resume())
	}
	l.reattach()
}

func sentinels() []*stack.Process {
	return []*stack.Process{nodes.Process("sentinel-1"), nodes.Process("sentinel-2"), nodes.Process("sentinel-3")}
}

func TestWithoutAPrimaryOneReplicasWordIsNotEnoughToDenyWhatWasAcknowledged(t *testing.T) {
	l := oneLacks(t, generous)
	defer l.mend(t)
	l.freeze(t, append(sentinels(), l.primary)...) // there is no next primary
	_, err := l.db.readNode(t.Context(), l.without.Addr(), 0, noQuestion)
	require.NoError(t, err, "the replica that lacks it is within the bound, and would be believed")

	found, err := l.db.Hash(t.Context(), l.key, "field")
	require.NoError(t, err)
	require.Equal(t, Fields{"field": "value"}, found)
	text, err := l.db.Value(t.Context(), l.key+":text")
	require.NoError(t, err)
	require.Equal(t, "value", text)

	found, err = l.db.Hash(t.Context(), l.key+":none", "field")
	require.NoError(t, err, "what both replicas lack was never acknowledged")
	require.Nil(t, found)
	text, err = l.db.Value(t.Context(), l.key+":none")
	require.NoError(t, err)
	require.Empty(t, text)
}

func TestWithoutAPrimaryNothingIsDeniedWhileTheOtherReplicaIsSilent(t *testing.T) {
	l := oneLacks(t, time.Second)
	defer l.mend(t)
	l.freeze(t, append(sentinels(), l.primary, l.holder)...)
	for range 2 {
		_, err := l.db.Hash(t.Context(), l.key, "field")
		require.ErrorIs(t, err, ErrUnavailable)
		_, err = l.db.Value(t.Context(), l.key+":text")
		require.ErrorIs(t, err, ErrUnavailable)
	}
	l.db.undecided.Store(mostUndecided)
	_, err := l.db.Hash(t.Context(), l.key, "field")
	require.ErrorIs(t, err, ErrBusy, "no more reads than that wait for a decision")
	require.EqualValues(t, mostUndecided, l.db.undecided.Load())
}

func TestWhatOneReplicaLacksTheNextPrimaryIsAskedFor(t *testing.T) {
	l := oneLacks(t, generous)
	defer l.mend(t)
	l.freeze(t, l.primary)
	for l.db.topology.now.Load().primary == l.primary.Addr() {
		found, err := l.db.Hash(t.Context(), l.key, "field")
		require.NoError(t, err)
		require.Equal(t, Fields{"field": "value"}, found)
	}
	require.Equal(t, l.holder.Addr(), l.db.topology.now.Load().primary)
	for range 20 {
		l.db.penalties.Delete(l.without.Addr())
		found, err := l.db.Hash(t.Context(), l.key, "field")
		require.NoError(t, err)
		require.Equal(t, Fields{"field": "value"}, found)
	}
}

func TestAHeartbeatThatAFrozenPrimaryRunsLateDoesNotMakeItsDataNew(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	commitValue(t, db, key)
	require.Eventually(t, func() bool { return db.probeCount(t, "success") > 1 }, generous, 10*time.Millisecond)
	old := nodes.Process(mustPrimary(t))

	// Its time is asked for, the freeze comes, and the heartbeat is sent.
	now, err := db.primaryTime(t.Context())
	require.NoError(t, err)
	require.NoError(t, old.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), exchangeTimeout)
	defer cancel()
	void := now.Add(maxAge).UnixMilli()
	require.Error(t, db.topology.client(old.Addr()).Do(ctx, "EVAL", beatScript.source, 1, KeyHeartbeat(), void).Err())
	frozen := time.Now()
	commitValue(t, db, key) // by the next primary
	require.Eventually(t, func() bool { return time.Since(frozen) > 3*maxAge }, 2*generous, 10*time.Millisecond)
	require.NoError(t, old.Resume())

	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := db.readNode(ctx, old.Addr(), 0, noQuestion)
		if err == nil {
			value, err := nodes.Redis(t.Context(), old.Name(), "GET", key)
			require.NoError(t, err)
			require.Equal(t, "2", value, "it is believed only when it follows the next primary")
			return true
		}
		return false
	}, 2*generous, time.Millisecond)
}
