package redisdb

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/netfault"
)

// grace is what a caller may wait beyond its deadline: it is woken by a timer.
const grace = 200 * time.Millisecond

// proxied gives a DB that reaches every Redis node through a proxy of its own, and
// the primary's proxy.
func proxied(t *testing.T, deadline time.Duration) (*DB, *netfault.Proxy) {
	t.Helper()
	proxies := map[string]*netfault.Proxy{}
	for _, name := range []string{"redis-1", "redis-2", "redis-3"} {
		proxy, err := netfault.Listen("127.0.0.1:0", nodes.Process(name).Addr())
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, proxy.Close()) })
		proxies[proxy.Target()] = proxy
	}
	db := open(t, deadline, func(db *DB) {
		db.topology.dialled.through = func(address string) string {
			if proxy := proxies[address]; proxy != nil {
				return proxy.Addr()
			}
			return address
		}
	})
	return db, proxies[db.topology.now.Load().primary]
}

// ending is how a caller's commit ended.
type ending struct {
	result Result
	err    error
	took   time.Duration
}

// commitAll commits all at once and waits for the end of each.
func commitAll(t *testing.T, db *DB, commands []Command) []ending {
	t.Helper()
	endings := make([]ending, len(commands))
	var group sync.WaitGroup
	for i, command := range commands {
		group.Go(func() {
			start := time.Now()
			endings[i].result, endings[i].err = db.Commit(t.Context(), command)
			endings[i].took = time.Since(start)
		})
	}
	group.Wait()
	return endings
}

// counts are n commands on one counter, each a request of its own.
func counts(key string, n int) []Command {
	commands := make([]Command, n)
	for i := range commands {
		commands[i] = counting(key, 1_000_000, request(key+":"+strconv.Itoa(i)))
	}
	return commands
}

func (m *metrics) retriesFor(t *testing.T, cause string) float64 {
	t.Helper()
	var metric dto.Metric
	require.NoError(t, m.retries.WithLabelValues(cause).Write(&metric))
	return metric.GetCounter().GetValue()
}

func TestWhateverBreaksAnExchangeEachWriteHappensOnceAndIsAnswered(t *testing.T) {
	for _, row := range []struct {
		name  string
		fault netfault.Fault
		cause string // of the retry; "" when none is needed
	}{
		{"cut before the request", netfault.Fault{Kind: netfault.LoseRequest}, "closed"},
		{"reset in the middle of the request", netfault.Fault{Kind: netfault.HalveRequest}, "reset"},
		{"cut after the request and before the reply", netfault.Fault{Kind: netfault.LoseReply}, "closed"},
		{"cut in the middle of the reply", netfault.Fault{Kind: netfault.HalveReply}, "closed"},
		{"a reply that nobody can read", netfault.Fault{Kind: netfault.GarbleReply}, "other"},
		{"no reply at all", netfault.Fault{Kind: netfault.KeepReply}, "timeout"},
		{"a slow reply", netfault.Fault{Kind: netfault.DelayReply, Delay: 700 * time.Millisecond}, ""},
		{"a reply slower than is waited for", netfault.Fault{Kind: netfault.DelayReply, Delay: 2 * exchangeTimeout}, "timeout"},
	} {
		t.Run(row.name, func(t *testing.T) {
			db, proxy := proxied(t, generous)
			key := unique("counter")
			row.fault.Match, row.fault.Times = key, 1
			proxy.Set(row.fault)
			seen := map[string]bool{}
			for _, e := range commitAll(t, db, counts(key, 50)) {
				require.NoError(t, e.err)
				require.Less(t, e.took, generous)
				seen[e.result.Values[0]] = true
			}
			require.Equal(t, 1, proxy.Struck())
			require.Len(t, seen, 50, "each has a number of its own")
			require.Equal(t, "50", ask(t, "GET", key))
			if row.cause != "" {
				require.InDelta(t, 1, db.metrics.retriesFor(t, row.cause), 0)
			}
		})
	}
}

func TestWhatCannotBeKnownAtTheDeadlineIsSaidAndTheSameRequestTellsLater(t *testing.T) {
	const deadline = 1200 * time.Millisecond
	for _, row := range []struct {
		name string
		kind netfault.Kind
		done bool // though nobody was told
	}{
		{"the request is always lost", netfault.LoseRequest, false},
		{"the reply is always lost", netfault.LoseReply, true},
		{"the reply is always cut", netfault.HalveReply, true},
		{"the reply is always garbled", netfault.GarbleReply, true},
		{"no reply ever comes", netfault.KeepReply, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			db, proxy := proxied(t, deadline)
			key := unique("counter")
			proxy.Set(netfault.Fault{Kind: row.kind, Match: key})
			first := commitAll(t, db, counts(key, 20))
			require.True(t, slices.ContainsFunc(first, func(e ending) bool { return faultIs(e.err, ErrOutcomeUnknown) }))
			proxy.Heal()
			for i, again := range commitAll(t, db, counts(key, 20)) {
				require.Less(t, first[i].took, deadline+grace)
				require.NoError(t, again.err)
				if faultIs(first[i].err, ErrUnavailable) { // it waited behind a group that hung
					require.False(t, again.result.Replayed, "nothing was written")
					continue
				}
				require.ErrorIs(t, first[i].err, ErrOutcomeUnknown)
				require.Equal(t, row.done, again.result.Replayed)
			}
			require.Equal(t, "20", ask(t, "GET", key))
		})
	}
}

func TestWithNobodyListeningNothingWasWrittenAndThatIsSaid(t *testing.T) {
	const deadline = 700 * time.Millisecond
	db, proxy := proxied(t, deadline)
	key := unique("counter")
	before := db.metrics.retriesFor(t, "no-connection")
	require.NoError(t, proxy.Close())
	require.Eventually(t, func() bool { return db.metrics.retriesFor(t, "no-connection") > before }, generous, time.Millisecond,
		"a heartbeat has found the open connection broken")
	for _, e := range commitAll(t, db, counts(key, 20)) {
		require.ErrorIs(t, e.err, ErrUnavailable)
		require.Less(t, e.took, deadline+grace)
	}
	require.Empty(t, ask(t, "GET", key))
}

// What waits behind a group that hangs has its deadline too, and was never sent:
// not before it is told so, and not afterwards.
func TestWhatWaitsBehindAHangingGroupIsAnsweredInTimeAndNeverSent(t *testing.T) {
	const deadline = 500 * time.Millisecond
	db, proxy := proxied(t, deadline)
	stuck, waiting := unique("counter"), unique("counter")
	proxy.Set(netfault.Fault{Kind: netfault.KeepReply, Match: stuck, Times: 1})
	first := make(chan ending, 1)
	go func() { first <- commitAll(t, db, counts(stuck, 1))[0] }()
	require.Eventually(t, func() bool { return proxy.Struck() == 1 }, generous, time.Millisecond)

	for _, e := range commitAll(t, db, counts(waiting, 20)) {
		require.ErrorIs(t, e.err, ErrUnavailable)
		require.Less(t, e.took, deadline+grace)
	}
	hung := <-first
	require.ErrorIs(t, hung.err, ErrOutcomeUnknown)
	require.Less(t, hung.took, deadline+grace)

	awaitCommit(t, db)
	require.Empty(t, ask(t, "GET", waiting))
	require.Equal(t, "1", ask(t, "GET", stuck))
}

// awaitCommit waits until a commit is acknowledged: the queue is through then.
func awaitCommit(t *testing.T, db *DB) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := db.Commit(t.Context(), counting(unique("counter"), 9, idempotency.Request{}))
		return err == nil
	}, generous, 10*time.Millisecond)
}

func TestTheDriverNeverSendsAgainByItself(t *testing.T) {
	db, proxy := proxied(t, generous)
	key := unique("counter")
	client := db.topology.primary()
	for i, send := range []func() error{
		func() error { return client.Incr(t.Context(), key).Err() },
		func() error {
			pipe := client.Pipeline()
			pipe.Incr(t.Context(), key)
			_, err := pipe.Exec(t.Context())
			return err
		},
		func() error {
			conn := client.Conn()
			defer func() { _ = conn.Close() }()
			return conn.Incr(t.Context(), key).Err()
		},
	} {
		proxy.Set(netfault.Fault{Kind: netfault.LoseReply, Match: key, Times: 1})
		require.Error(t, send())
		require.Equal(t, 1, proxy.Struck())
		require.Equal(t, number(i+1), ask(t, "GET", key))
	}
	for node, client := range db.topology.all() {
		require.Zero(t, client.Options().MaxRetries, node)
	}
}
