package redisdb

import (
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/stack"
)

// cutOff makes a replica lose its primary without a word: it goes on answering,
// Sentinel goes on listing it. The function that heals it comes back.
func cutOff(t *testing.T, replica *stack.Process) (heal func()) {
	t.Helper()
	tell := func(command ...string) {
		_, err := nodes.Redis(t.Context(), replica.Name(), command...)
		require.NoError(t, err)
	}
	port, err := nodes.Redis(t.Context(), replica.Name(), "CONFIG", "GET", "masterauth")
	require.NoError(t, err)
	good := lastWord(port)
	tell("CONFIG", "SET", "masterauth", "a wrong one")
	tell("CLIENT", "KILL", "TYPE", "master")
	return func() {
		tell("CONFIG", "SET", "masterauth", good)
		require.NoError(t, nodes.AwaitHealthy(t.Context()))
	}
}

func commitValue(t *testing.T, db *DB, key string) int64 {
	t.Helper()
	result, err := db.Commit(t.Context(), counting(key, 1000, idempotency.Request{}))
	require.NoError(t, err)
	return result.Seq
}

func TestAReadWithATokenSeesItsOwnWriteWhateverAReplicaKnows(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	commitValue(t, db, key)
	heal := cutOff(t, eachReplica(t)[0])
	defer heal()
	for want := 2; want < 12; want++ {
		seq := commitValue(t, db, key)
		value, err := db.Value(WithReading(t.Context(), Reading{AtLeast: seq}), key)
		require.NoError(t, err)
		require.Equal(t, number(want), value)
	}
}

func TestATokenOfTheFutureGetsAStrongRead(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	seq := commitValue(t, db, key)
	before := committedSeq(t)
	value, err := db.Value(WithReading(t.Context(), Reading{AtLeast: seq + 1_000_000}), key)
	require.NoError(t, err)
	require.Equal(t, "1", value)
	require.Greater(t, committedSeq(t), before, "it rode in a group")
}

func committedSeq(t *testing.T) int64 {
	t.Helper()
	seq, err := strconv.ParseInt(ask(t, "GET", KeyCommitSeq()), 10, 64)
	require.NoError(t, err)
	return seq
}

func TestAReplicaThatWasCutOffIsNotBelievedBeyondTheBound(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	commitValue(t, db, key)
	replica := eachReplica(t)[0]
	heal := cutOff(t, replica)
	defer heal()
	commitValue(t, db, key)
	require.Eventually(t, func() bool {
		_, err := db.readNode(t.Context(), replica.Addr(), 0, noQuestion)
		return faultIs(err, errOld)
	}, 2*maxAge+time.Second, 10*time.Millisecond)
	for range 50 {
		value, err := db.Value(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, "2", value)
	}
}

func TestAnEmptyReplicaAnswersNoFalse404(t *testing.T) {
	db, key := open(t, generous), unique("list")
	ask(t, "ZADD", key, "0", "id-1")
	ask(t, "WAIT", "2", "1000")
	replica := eachReplica(t)[0]
	heal := cutOff(t, replica)
	defer heal()
	for _, command := range [][]string{{"CONFIG", "SET", "replica-read-only", "no"}, {"FLUSHALL"}, {"CONFIG", "SET", "replica-read-only", "yes"}} {
		_, err := nodes.Redis(t.Context(), replica.Name(), command...)
		require.NoError(t, err)
	}
	for range 50 {
		ids, err := db.Newest(t.Context(), key, "", 10) // lists are not asked for again, unlike single things
		require.NoError(t, err)
		require.Equal(t, []string{"id-1"}, ids)
	}
}

func TestWithoutAPrimaryTheFreshestReplicaAnswersAndSaysItsAge(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	commitValue(t, db, key)
	for _, name := range []string{"sentinel-1", "sentinel-2", "sentinel-3"} { // nobody to fail over
		require.NoError(t, nodes.Process(name).Pause())
	}
	primary := nodes.Process(mustPrimaryWhilePaused(db))
	require.NoError(t, primary.Pause())
	var age atomic.Int64
	ctx := WithReading(t.Context(), Reading{Stale: func(d time.Duration) { age.Store(int64(d)) }})
	require.Eventually(t, func() bool {
		value, err := db.Value(ctx, key)
		require.NoError(t, err)
		require.Equal(t, "1", value)
		return age.Load() > 0
	}, 3*maxAge, 50*time.Millisecond)
	require.Greater(t, time.Duration(age.Load()), maxAge)

	require.NoError(t, primary.Resume())
	for _, name := range []string{"sentinel-1", "sentinel-2", "sentinel-3"} {
		require.NoError(t, nodes.Process(name).Resume())
	}
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
}

// mustPrimaryWhilePaused names the primary as db knows it, for no Sentinel answers.
func mustPrimaryWhilePaused(db *DB) string {
	host, _, _ := net.SplitHostPort(db.topology.now.Load().primary)
	for _, name := range []string{"redis-1", "redis-2", "redis-3"} {
		if own, _, _ := net.SplitHostPort(nodes.Process(name).Addr()); own == host {
			return name
		}
	}
	return ""
}

func TestAStrongReadIsToldOnlyWhenItsGroupIsAcknowledged(t *testing.T) {
	db, key := open(t, 1500*time.Millisecond), unique("counter")
	commitValue(t, db, key)
	value, err := db.Value(FromPrimary(t.Context()), key)
	require.NoError(t, err)
	require.Equal(t, "1", value)

	replicas := eachReplica(t)
	for _, replica := range replicas {
		require.NoError(t, replica.Pause())
	}
	_, err = db.Value(FromPrimary(t.Context()), key)
	require.ErrorIs(t, err, ErrUnavailable)
	for _, replica := range replicas {
		require.NoError(t, replica.Resume())
	}
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
}
