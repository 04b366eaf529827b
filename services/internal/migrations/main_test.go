package migrations

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/stack"
)

// nodes are three Redis nodes and three Sentinels for all tests here, which go one by
// one and begin with an empty data set.
var nodes *stack.Stack

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
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

// generous is longer than anything here may take.
const generous = 30 * time.Second

// open gives an empty shop's DB, as an API replica has it.
func open(t *testing.T) *redisdb.DB {
	t.Helper()
	order(t, "FLUSHALL")
	order(t, "SET", redisdb.KeySchema(), "1")
	db := redisdb.New(redisdb.Settings{
		MasterName: nodes.Setting("REDIS_MASTER_NAME"), Sentinels: nodes.Sentinels(), User: "api-3",
		Password:     nodes.Setting("REDIS_API_PASSWORD"),
		SentinelUser: "api-3", SentinelPassword: nodes.Setting("REDIS_API_PASSWORD"), Deadline: generous, Replica: t.Name(),
	}, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	db.Start()
	t.Cleanup(func() { require.NoError(t, db.Stop()) })
	require.Eventually(t, func() bool { return db.Ping(t.Context()) == nil }, generous, 10*time.Millisecond)
	return db
}

// order asks the primary as the operator; here it is always the first node.
func order(t *testing.T, command ...string) string {
	t.Helper()
	reply, err := nodes.Redis(t.Context(), "redis-1", command...)
	require.NoError(t, err)
	return reply
}

// id names product i; the higher, the newer.
func id(i int) string { return fmt.Sprintf("product-%04d", i) }

// changedAt is when product i was changed at that version, in milliseconds.
func changedAt(i, version int) int64 { return 1_700_000_000_000 + int64(i)*1000 + int64(version) }

// store writes product i as a program of layout 1 does at its creation and at each
// change: without the field updated.
func store(t *testing.T, i, version int) {
	t.Helper()
	at := time.UnixMilli(changedAt(i, version)).UTC().Format("2006-01-02T15:04:05.000Z")
	order(t, "HSET", redisdb.KeyProduct(id(i)), "body", fmt.Sprintf(`{"id":%q,"updated_at":%q}`, id(i), at),
		"version", strconv.Itoa(version), "stock", "5")
	order(t, "ZADD", redisdb.KeyProducts(), "0", id(i))
}

// requireUpdated holds that product i has the field that version wants.
func requireUpdated(t *testing.T, i, version int) {
	t.Helper()
	require.Equal(t, strconv.FormatInt(changedAt(i, version), 10), order(t, "HGET", redisdb.KeyProduct(id(i)), "updated"), id(i))
}

// progress is what is recorded of migration 1.
func progress(t *testing.T) Record {
	t.Helper()
	record, err := parseRecord(order(t, "HGET", redisdb.KeyMigrations(), "1"))
	require.NoError(t, err)
	return record
}

func awaitCopied(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return progress(t).State == Copied }, generous, 10*time.Millisecond)
}

// quick is a replica's Runner that does not pause.
func quick(t *testing.T, db Database, name string, all ...Migration) *Runner {
	t.Helper()
	r := NewRunner(db, all, name, nil, slog.New(slog.DiscardHandler))
	r.pause, r.look = time.Millisecond, 10*time.Millisecond
	t.Cleanup(r.Stop)
	return r
}
