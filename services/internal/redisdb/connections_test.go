package redisdb

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

var allNodes = []string{"redis-1", "redis-2", "redis-3"}

// connected counts a server's connections by user; a replica's primary has no name there.
func connected(t *testing.T, name string) map[string]int {
	t.Helper()
	list, err := nodes.Redis(t.Context(), name, "CLIENT", "LIST")
	require.NoError(t, err)
	users := map[string]int{}
	for line := range strings.Lines(list) {
		_, user, _ := strings.Cut(line, " user=")
		user, _, _ = strings.Cut(user, " ")
		users[user]++
	}
	return users
}

// strain reads and writes through db from many goroutines until the returned
// function is called.
func strain(t *testing.T, db *DB) (relax func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range 400 {
		key := unique("strain")
		clients.Go(func() {
			for ctx.Err() == nil {
				if i%8 == 0 {
					_, _ = db.Commit(ctx, counting(key, 1_000_000, idempotency.Request{}))
					continue
				}
				// What is not there the primary is asked for too.
				_, _ = db.Value(ctx, key)
			}
		})
	}
	return func() { stop(); clients.Wait() }
}

func TestAnAPIReplicaHoldsNoMoreConnectionsToANodeThanAreCountedForIt(t *testing.T) {
	for _, name := range allNodes {
		require.Eventually(t, func() bool { return connected(t, name)["api-3"] == 0 }, generous, time.Millisecond,
			"the test before has left")
	}
	db := open(t, generous)
	relax := strain(t, db)
	defer relax()
	most, others := map[string]int{}, 0
	end := time.Now().Add(4 * time.Second)
	for time.Now().Before(end) {
		for _, name := range allNodes {
			now := connected(t, name)
			most[name] = max(most[name], now["api-3"])
			require.LessOrEqual(t, now["api-3"], nodePool, name)
			require.LessOrEqual(t, dialledTo(db, name), nodePool, "with those that have not said yet who they are: Redis calls them default")
			others = max(others, now["boot"]+now["sentinel"]+now["replication"]+now["(superuser)"]+now[nodes.Setting("REDIS_ADMIN_USER")])
		}
		for _, name := range []string{"sentinel-1", "sentinel-2", "sentinel-3"} {
			require.LessOrEqual(t, connected(t, name)["api-3"], 4+1, "a pool of four, and one that listens")
		}
	}
	t.Log("the most at once:", most, "and others:", others)
	for _, name := range allNodes {
		require.Greater(t, most[name], nodePool/2, "the load was enough to show a bound")
	}
	require.LessOrEqual(t, others, otherConnections)
}

// dialledTo is how many connections to a node the DB has open.
func dialledTo(db *DB, name string) int {
	l := db.topology.dialled
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return len(l.open[nodes.Process(name).Addr()])
}

func TestANodeThatWasFrozenIsSoonRidOfTheConnectionsThatWereGivenUpMeanwhile(t *testing.T) {
	db := open(t, generous)
	relax := strain(t, db)
	defer relax()
	frozen := eachReplica(t)[0]
	require.NoError(t, frozen.Pause())
	// Each time-out gives up a connection, and the kernel goes on taking new ones for
	// the frozen process.
	timeouts := db.metrics.passed.WithLabelValues("timeout")
	require.Eventually(t, func() bool { return read(t, timeouts) > nodePool }, generous, time.Millisecond)
	require.NoError(t, frozen.Resume())
	most, now := 0, 0
	require.Eventually(t, func() bool {
		users := connected(t, frozen.Name())
		now = users["api-3"] + users["default"]
		most = max(most, now)
		return users["api-3"] > 0 && now <= nodePool
	}, generous, time.Millisecond, "what was given up is gone")
	t.Log("the most at once after it woke up:", most, "then", now)
	relax()
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
}

// takes has every node take that many connections, until the test ends.
func takes(t *testing.T, maxclients int) {
	t.Helper()
	for _, name := range allNodes {
		before, err := nodes.Redis(t.Context(), name, "CONFIG", "GET", "maxclients")
		require.NoError(t, err)
		_, was, _ := strings.Cut(before, "\n")
		_, err = nodes.Redis(t.Context(), name, "CONFIG", "SET", "maxclients", number(maxclients))
		require.NoError(t, err)
		t.Cleanup(func() {
			_, err := nodes.Redis(context.WithoutCancel(t.Context()), name, "CONFIG", "SET", "maxclients", was)
			require.NoError(t, err)
		})
	}
}

func TestItIsSaidOnceWhenRedisTakesFewerConnectionsThanTheReplicasMayOpen(t *testing.T) {
	var logged bytes.Buffer
	db := open(t, generous, func(db *DB) { db.settings.Replicas = 4 })
	bound := newConnections(db, prometheus.NewRegistry(), slog.New(slog.NewTextHandler(&logged, nil)))
	needed := 4*nodePool + otherConnections
	for _, c := range []struct {
		maxclients int
		says       []string
	}{
		{10_000, nil},
		{needed - 1, []string{"level=WARN", "will refuse some", "needed=" + number(needed), "maxclients=" + number(needed-1), "lower API_REPLICAS"}},
		{needed - 1, nil},
		{needed, []string{"level=INFO", "hardly more", "needed=" + number(needed), "maxclients=" + number(needed), "lower API_REPLICAS"}},
		{needed * 10 / 8, []string{"level=INFO", "takes all connections"}},
		{needed*10/8 + 100, nil},
	} {
		takes(t, c.maxclients)
		logged.Reset()
		bound.check(t.Context())
		require.Equal(t, len(c.says) > 0, logged.Len() > 0, "maxclients %d: %s", c.maxclients, &logged)
		for _, word := range c.says {
			texttest.Contains(t, logged.String(), word)
		}
	}
}

// gauges are the values in a registry, by name and label.
func gauges(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			found[name] = m.GetGauge().GetValue()
		}
	}
	return found
}

func TestTheBoundOfEveryNodeIsAMetricFromTheStart(t *testing.T) {
	takes(t, 4321)
	registry := prometheus.NewRegistry()
	open(t, generous, func(db *DB) {
		db.settings.Replicas = 16
		db.bound = newConnections(db, registry, db.log)
	})
	expected := map[string]float64{"shop_redis_connections_needed": 16*nodePool + otherConnections}
	for _, name := range allNodes {
		expected["shop_redis_connections_max "+nodes.Process(name).Addr()] = 4321
	}
	require.Eventually(t, func() bool { return len(gauges(t, registry)) == len(expected) }, generous, 10*time.Millisecond)
	require.Equal(t, expected, gauges(t, registry))
}

func TestReplicasThatRunCountEvenIfFewerAreMeantTo(t *testing.T) {
	registry := prometheus.NewRegistry()
	bound := New(Settings{Replicas: 4}, registry, slog.New(slog.DiscardHandler)).bound
	require.EqualValues(t, 4*nodePool+otherConnections, bound.needed())
	bound.db.peers.Store(6)
	require.EqualValues(t, 6*nodePool+otherConnections, bound.needed())
}

func TestTheBoundIsDocumented(t *testing.T) {
	root, err := stack.Root()
	require.NoError(t, err)
	for page, words := range map[string][]string{
		"metrics.md": {"`shop_redis_connections_needed`", "`shop_redis_connections_max`"},
		"scaling.md": {
			"API_REPLICAS × " + number(nodePool) + " + " + number(otherConnections),
			"| 4 | " + number(4*nodePool+otherConnections) + " |", "| 16 | " + number(16*nodePool+otherConnections) + " |",
		},
	} {
		text, err := os.ReadFile(filepath.Join(root, "docs", page))
		require.NoError(t, err)
		for _, word := range words {
			texttest.Contains(t, string(text), word, page)
		}
	}
}
