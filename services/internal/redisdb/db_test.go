package redisdb

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/stack"
)

// nodes are three Redis nodes and three Sentinels for all tests here. A test
// that stops one brings it back before it ends.
var nodes *stack.Stack

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		return m.Run() // what is fuzzed here asks no Redis
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	if nodes, err = stack.Start(ctx, stack.Options{Services: stack.RedisAndSentinels()}); err != nil {
		fmt.Fprintln(os.Stderr, "the Redis nodes did not start:", err)
		return 1
	}
	defer func() { _ = nodes.Stop(context.Background()) }()
	return m.Run()
}

// open gives a DB on the nodes whose commits have deadline; prepare changes it
// before its start.
func open(tb testing.TB, deadline time.Duration, prepare ...func(*DB)) *DB {
	tb.Helper()
	tb.Cleanup(func() { heal(tb) })
	db := New(Settings{
		MasterName: nodes.Setting("REDIS_MASTER_NAME"), Sentinels: nodes.Sentinels(), User: "api-3",
		Password:     nodes.Setting("REDIS_API_PASSWORD"),
		SentinelUser: "api-3", SentinelPassword: nodes.Setting("REDIS_API_PASSWORD"),
		Deadline: deadline, Replica: tb.Name(),
	}, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	for _, change := range prepare {
		change(db)
	}
	db.Start()
	tb.Cleanup(func() { require.NoError(tb, db.Stop()) })
	awaitKnown(tb, db)
	return db
}

// awaitKnown returns when db knows the primary and both replicas.
func awaitKnown(tb testing.TB, db *DB) {
	tb.Helper()
	require.EventuallyWithT(tb, func(c *assert.CollectT) {
		now := db.topology.now.Load()
		require.NotEmpty(c, now.primary)
		require.Len(c, now.replicas, 2)
	}, 20*time.Second, 20*time.Millisecond)
}

// heal brings back what a test that failed has left stopped: one failure must not
// become the next tests' too.
func heal(tb testing.TB) {
	tb.Helper()
	if !tb.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, name := range []string{"redis-1", "redis-2", "redis-3", "sentinel-1", "sentinel-2", "sentinel-3"} {
		_ = nodes.Process(name).Resume() // which fails for one that is down
		_ = nodes.Process(name).Launch() // which fails at once only when AwaitHealthy does, too
	}
	if err := nodes.AwaitHealthy(ctx); err != nil {
		tb.Error("the nodes are not whole again:", err)
	}
}

// countScript counts its runs and refuses beyond a limit.
var countScript = NewScript("test.count", countBody)

const countBody = `
-- keys: 1 the counter; args: 1 limit; codes: 0 counted {count} · 1 over the limit {count}
local n = tonumber(redis.call('GET', keys[1]) or '0') + 1
if n > tonumber(args[1]) then return finish(1, { int(n - 1) }) end
redis.call('SET', keys[1], int(n))
emit('test.counted', 'x', int(n))
return finish(0, { int(n) })`

var serial atomic.Int64

func unique(name string) string { return fmt.Sprintf("evg:test:%s:%d", name, serial.Add(1)) }

func request(record string) idempotency.Request {
	return idempotency.Request{Record: record, Fingerprint: "f", TTL: time.Minute, ID: "id"}
}

func counting(key string, limit int, r idempotency.Request) Command {
	return countScript.Command(r, "tester", []string{key}, limit)
}

// eachReplica names the two nodes that are not primary.
func eachReplica(t *testing.T) []*stack.Process {
	t.Helper()
	primary, err := nodes.Primary(t.Context())
	require.NoError(t, err)
	var list []*stack.Process
	for _, name := range []string{"redis-1", "redis-2", "redis-3"} {
		if name != primary {
			list = append(list, nodes.Process(name))
		}
	}
	return list
}

// ask sends a command to the primary, past the code under test.
func ask(t *testing.T, command ...string) string {
	t.Helper()
	primary, err := nodes.Primary(t.Context())
	require.NoError(t, err)
	reply, err := nodes.Redis(t.Context(), primary, command...)
	require.NoError(t, err)
	return strings.TrimSpace(reply)
}

func noQuestion(context.Context, redis.Pipeliner) {}

func number(n int) string { return strconv.Itoa(n) }
