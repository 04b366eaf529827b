package redisdb

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// The steps follow each other in one cluster, for each needs the one before.
func TestAtAFailoverFromAFrozenPrimary(t *testing.T) {
	t.Parallel()
	a := newArena(t, nil)
	db, old := a.dbs[0], a.Process(a.whole(t))
	commitValue(t, db, unique("counter"))
	hungUp, announced := a.question(t, db, old), make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var listener sync.WaitGroup
	listener.Go(func() { listen(ctx, db.topology.sentinels[0], announced) })
	defer func() { cancel(); listener.Wait() }()
	for _, name := range allNodes { // after the first look at the bound, and less than a minute before the second
		require.Eventually(t, func() bool { return db.boundOf(t, a.Process(name).Addr()) > 0 }, generous, time.Millisecond)
		_, err := a.Redis(t.Context(), name, "CONFIG", "SET", "maxclients", "5000")
		require.NoError(t, err)
	}
	require.NoError(t, old.Pause())
	require.Eventually(t, func() bool { return db.topology.now.Load().primary != old.Addr() }, 2*generous, time.Millisecond)
	promoted := a.named(db.topology.now.Load().primary)

	t.Run("the connections to it are hung up", func(t *testing.T) {
		select {
		case err := <-hungUp:
			require.ErrorIs(t, err, net.ErrClosed)
		case <-time.After(generous):
			require.Fail(t, "a question to the frozen primary is waited for")
		}
	})
	t.Run("the Sentinels' announcement is heard", func(t *testing.T) {
		require.Eventually(t, func() bool { return len(announced) == 1 }, generous, time.Millisecond)
	})
	t.Run("the bound of connections is asked for again", func(t *testing.T) {
		require.Eventually(t, func() bool { return db.boundOf(t, a.Process(promoted).Addr()) == 5000 }, generous, time.Millisecond)
	})
	t.Run("the frozen node is not read from", func(t *testing.T) {
		require.Eventually(t, func() bool {
			said, err := a.Redis(t.Context(), "sentinel-1", "SENTINEL", "REPLICAS", a.Setting("REDIS_MASTER_NAME"))
			return err == nil && strings.Contains(said, "s_down")
		}, generous, 10*time.Millisecond, "it is a replica that is down")
		require.Eventually(t, func() bool {
			replicas := db.topology.now.Load().replicas
			return len(replicas) == 1 && replicas[0] != old.Addr()
		}, generous, time.Millisecond)
	})
	t.Run("it is no rival when it wakes as a master", func(t *testing.T) {
		require.Eventually(t, func() bool { return a.followers(t, promoted) == 1 }, generous, 10*time.Millisecond, "the other replica follows")
		for _, name := range []string{"sentinel-1", "sentinel-2", "sentinel-3"} { // which would demote it
			require.NoError(t, a.Process(name).Pause())
		}
		require.NoError(t, old.Resume())
		require.Equal(t, "master", a.role(t, old.Name()))
		for range 5 {
			commitValue(t, db, unique("counter"))
		}
		require.Equal(t, "master", a.role(t, old.Name()), "all the while")
	})
}

// question asks the primary through the driver for what never comes, without a time-out, and gives where the end of
// the question will be told.
func (a *arena) question(t *testing.T, db *DB, primary *stack.Process) <-chan error {
	t.Helper()
	conn := db.topology.client(primary.Addr()).Conn()
	t.Cleanup(func() { _ = conn.Close() })
	ended, key := make(chan error, 1), unique("empty")
	go func() { ended <- conn.BLPop(t.Context(), 0, key).Err() }()
	require.Eventually(t, func() bool {
		info, err := a.Redis(t.Context(), primary.Name(), "INFO", "clients")
		return err == nil && infoFields(info)["blocked_clients"] == "1"
	}, generous, time.Millisecond, "it stands")
	return ended
}

// boundOf is the bound of connections of a node, as the metric says it.
func (db *DB) boundOf(t *testing.T, node string) float64 {
	t.Helper()
	return read(t, db.bound.most.WithLabelValues(node))
}

// role is what a node calls itself.
func (a *arena) role(t *testing.T, node string) string {
	t.Helper()
	role, err := a.Redis(t.Context(), node, "ROLE")
	require.NoError(t, err)
	return strings.Fields(role)[0]
}

// named is the node at an address.
func (a *arena) named(address string) string {
	for _, name := range allNodes {
		if a.Process(name).Addr() == address {
			return name
		}
	}
	return ""
}

// followers counts the replicas of a node that are online.
func (a *arena) followers(t *testing.T, node string) int {
	t.Helper()
	info, err := a.Redis(t.Context(), node, "INFO", "replication")
	require.NoError(t, err)
	return strings.Count(info, "state=online")
}
