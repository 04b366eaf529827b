package redisdb

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// nowhere is an address that refuses each connection.
const nowhere = "127.0.0.1:1"

// reader gives a DB that only reads: it knows the nodes of a view and hears of no others. The nodes have a fresh
// heartbeat when it is given.
func reader(t *testing.T, of view) *DB {
	t.Helper()
	live := open(t, generous)
	require.NoError(t, live.beat(t.Context(), time.Now().Add(generous)))
	db := New(live.settings, prometheus.NewRegistry(), quiet())
	t.Cleanup(db.topology.close)
	db.topology.now.Store(&of)
	return db
}

// addresses are those of the two replicas.
func addresses(t *testing.T) (one, two string) {
	t.Helper()
	replicas := eachReplica(t)
	return replicas[0].Addr(), replicas[1].Addr()
}

func TestReadsAreSharedByTheReplicas(t *testing.T) {
	one, two := addresses(t)
	db, replicas := reader(t, view{replicas: []string{one, two}}), eachReplica(t)
	count := func(i int) int {
		n, err := strconv.Atoi(calls(t, replicas[i].Name(), "zcard"))
		require.NoError(t, err)
		return n
	}
	before := []int{count(0), count(1)}
	for range 20 {
		_, err := db.Count(t.Context(), unique("list"))
		require.NoError(t, err)
	}
	require.Positive(t, count(0)-before[0])
	require.Positive(t, count(1)-before[1])
}

func TestANodeThatFailedIsAskedLastForASecondAndThenAgain(t *testing.T) {
	good, _ := addresses(t)
	db := reader(t, view{replicas: []string{nowhere, good}})
	failed := func() float64 { return read(t, db.metrics.passed.WithLabelValues("no-connection")) }
	var begun time.Time
	for range 2 { // one of two reads asks it first
		begun = time.Now()
		require.NoError(t, db.Ping(t.Context()))
	}
	require.InDelta(t, 1, failed(), 0)
	require.Equal(t, []string{good, nowhere}, db.order())
	require.Equal(t, []string{good, nowhere}, db.order(), "whose turn it is")
	require.Eventually(t, func() bool {
		require.NoError(t, db.Ping(t.Context()))
		return failed() > 1
	}, generous, 10*time.Millisecond, "it is asked again")
	require.Greater(t, time.Since(begun), 900*time.Millisecond)
}

func TestOfTwoReplicasWithOldDataTheFresherAnswersAndSaysHowOldItIs(t *testing.T) {
	one, two := addresses(t)
	db, key := reader(t, view{replicas: []string{one, two}}), unique("value")
	heal := cutBothOff(t)
	defer heal()
	for i, replica := range eachReplica(t) {
		age := time.Minute
		if i == 1 {
			age = 10 * time.Second
		}
		beatOf(t, replica, age, key, age.String())
	}
	for range 4 { // whichever of them is asked first
		var age time.Duration
		ctx := WithReading(t.Context(), Reading{Stale: func(of time.Duration) { age = of }})
		value, err := db.Value(ctx, key)
		require.NoError(t, err)
		require.Equal(t, "10s", value)
		require.InDelta(t, 10, age.Seconds(), 5)
	}
}

// cutBothOff makes both replicas lose their primary; the function that heals them comes back.
func cutBothOff(t *testing.T) (heal func()) {
	t.Helper()
	reply := ask(t, "CONFIG", "GET", "masterauth") // the same on all nodes
	tell := func(command ...string) {
		for _, replica := range eachReplica(t) {
			_, err := nodes.Redis(t.Context(), replica.Name(), command...)
			require.NoError(t, err)
		}
	}
	tell("CONFIG", "SET", "masterauth", "a wrong one")
	tell("CLIENT", "KILL", "TYPE", "master")
	return func() {
		tell("CONFIG", "SET", "masterauth", lastWord(reply))
		require.NoError(t, nodes.AwaitHealthy(t.Context()))
	}
}

func TestAReadWaitsThreeSecondsForANodeThatAnswersAndThenSaysThatItCannotBeRead(t *testing.T) {
	good, _ := addresses(t)
	db := reader(t, view{primary: nowhere})
	begun := time.Now()
	require.ErrorIs(t, db.Ping(t.Context()), ErrUnavailable)
	require.GreaterOrEqual(t, time.Since(begun), 3*time.Second)
	require.InDelta(t, 1, read(t, db.metrics.reads[sourceNobody]), 0)

	done := make(chan error, 1)
	go func() { done <- db.Ping(t.Context()) }()
	failed := read(t, db.metrics.passed.WithLabelValues("no-connection"))
	require.Eventually(t, func() bool { return read(t, db.metrics.passed.WithLabelValues("no-connection")) > failed+2 }, generous, time.Millisecond)
	db.topology.now.Store(&view{primary: good})
	require.NoError(t, <-done, "a node that comes in time")

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	db.topology.now.Store(&view{primary: nowhere})
	begun = time.Now()
	require.ErrorIs(t, db.Ping(ctx), ErrUnavailable)
	require.Less(t, time.Since(begun), 2*time.Second, "the caller's deadline comes first")
}
