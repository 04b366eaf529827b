package redisdb

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// arena is a cluster of its own whose primary is frozen or killed again and
// again, under the load of two writing processes, as two API replicas are.
type arena struct {
	*stack.Stack
	dbs    []*DB
	serial int
}

// newArena starts a cluster; prepare, if not nil, changes each DB before its start.
func newArena(t *testing.T, prepare func(*DB)) *arena {
	t.Helper()
	return newArenaWith(t, nil, prepare)
}

// unhurried has the Sentinels wait so long that a primary which is started again at
// once stays primary, however slow the machine is.
func unhurried() map[string]string { return map[string]string{"SENTINEL_DOWN_AFTER_MS": "120000"} }

// newArenaWith is newArena with settings of its own.
func newArenaWith(t *testing.T, settings map[string]string, prepare func(*DB)) *arena {
	t.Helper()
	a := &arena{Stack: stack.StartT(t, stack.Options{Services: stack.RedisAndSentinels(), Settings: settings})}
	for i := range 2 {
		db := New(Settings{
			MasterName: a.Setting("REDIS_MASTER_NAME"), Sentinels: a.Sentinels(),
			// The scripts of these tests call what the shop's do not, so what runs them
			// is the operator.
			User: a.Setting("REDIS_ADMIN_USER"), Password: a.Setting("REDIS_ADMIN_PASSWORD"),
			SentinelUser: "api-3", SentinelPassword: a.Setting("REDIS_API_PASSWORD"),
			Deadline: generous, Replica: fmt.Sprint("writer-", i),
		}, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		if prepare != nil {
			prepare(db)
		}
		db.Start()
		t.Cleanup(func() { require.NoError(t, db.Stop()) })
		a.dbs = append(a.dbs, db)
	}
	return a
}

// plainWait is the rule that is not enough: WAIT 1, and whoever acknowledges it
// is believed.
func plainWait(db *DB) {
	db.committer.rely = func(context.Context, *redis.Client) (int64, error) { return 1, nil }
	db.committer.rule = func(_ context.Context, _ string, count int64) (string, error) {
		if count < 1 {
			return "", errShort
		}
		return caseOne, nil
	}
}

func (a *arena) downAfter(t *testing.T) time.Duration {
	t.Helper()
	milliseconds, err := strconv.Atoi(a.Setting("SENTINEL_DOWN_AFTER_MS"))
	require.NoError(t, err)
	return time.Duration(milliseconds) * time.Millisecond
}

// whole waits until there is one primary with two replicas in the eyes of all,
// itself, the Sentinels and the writers, and gives its name.
func (a *arena) whole(t *testing.T) (primary string) {
	t.Helper()
	require.Eventually(t, func() bool {
		name, err := a.Primary(t.Context())
		if err != nil || !a.followed(t, name) {
			return false
		}
		for _, sentinel := range []string{"sentinel-1", "sentinel-2", "sentinel-3"} {
			if !a.content(t, sentinel, name) {
				return false
			}
		}
		for _, db := range a.dbs {
			if now := db.topology.now.Load(); now.primary != a.Process(name).Addr() || len(now.replicas) != 2 {
				return false
			}
		}
		primary = name
		return true
	}, time.Minute, 50*time.Millisecond, "one primary and two replicas, agreed upon by all")
	return primary
}

// followed holds when both other nodes follow the primary and have caught up.
func (a *arena) followed(t *testing.T, primary string) bool {
	t.Helper()
	info, err := a.Redis(t.Context(), primary, "INFO", "replication")
	return err == nil && strings.Contains(info, "role:master") && strings.Count(info, "state=online") == 2
}

// content holds when a Sentinel names the primary and misses nobody.
func (a *arena) content(t *testing.T, sentinel, primary string) bool {
	t.Helper()
	master := a.Setting("REDIS_MASTER_NAME")
	about, err := a.Redis(t.Context(), sentinel, "SENTINEL", "MASTER", master)
	if err != nil || !strings.Contains(about, "flags\nmaster\n") || !strings.Contains(about, "num-slaves\n2\n") {
		return false
	}
	host, _, _ := strings.Cut(a.Process(primary).Addr(), ":")
	replicas, err := a.Redis(t.Context(), sentinel, "SENTINEL", "REPLICAS", master)
	return err == nil && strings.Contains(about, "ip\n"+host+"\n") &&
		!strings.Contains(replicas, "s_down") && !strings.Contains(replicas, "disconnected") &&
		strings.Count(replicas, "master-link-status\nok") == 2
}
