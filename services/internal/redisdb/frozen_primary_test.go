package redisdb

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// A question to the primary stands unanswered when it freezes: the driver would wait for the answer for ever. After the
// failover the old primary wakes, and no Sentinel is there to demote it: both call themselves master for as long as
// that is looked at.
func TestAFrozenPrimaryIsHungUpOnAtTheFailoverAndIsNoRivalWhenItWakes(t *testing.T) {
	t.Parallel()
	a := newArena(t, nil)
	db, old := a.dbs[0], a.Process(a.whole(t))
	commitValue(t, db, unique("counter"))

	conn := db.topology.client(old.Addr()).Conn()
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.Ping(t.Context()).Err())
	hungUp := make(chan error, 1)
	go func() { hungUp <- conn.BLPop(t.Context(), 0, unique("empty")).Err() }()
	require.Eventually(t, func() bool { return a.blocked(t, old) == 1 }, generous, time.Millisecond, "the question stands")
	require.NoError(t, old.Pause())
	require.Eventually(t, func() bool { return db.topology.now.Load().primary != old.Addr() }, 2*generous, time.Millisecond)
	select {
	case err := <-hungUp:
		require.ErrorIs(t, err, net.ErrClosed)
	case <-time.After(generous):
		require.Fail(t, "the connection to the frozen primary is kept")
	}

	promoted := a.named(db.topology.now.Load().primary)
	require.Eventually(t, func() bool { return a.followers(t, promoted) == 1 }, generous, 10*time.Millisecond, "the other replica follows")
	for _, name := range []string{"sentinel-1", "sentinel-2", "sentinel-3"} {
		require.NoError(t, a.Process(name).Pause())
	}
	require.NoError(t, old.Resume())
	callsItself := func() string {
		role, err := a.Redis(t.Context(), old.Name(), "ROLE")
		require.NoError(t, err)
		return strings.Fields(role)[0]
	}
	require.Equal(t, "master", callsItself())
	for range 5 {
		commitValue(t, db, unique("counter"))
	}
	require.Equal(t, "master", callsItself(), "all the while")
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

// blocked counts the clients that wait for an element of a list.
func (a *arena) blocked(t *testing.T, node *stack.Process) int {
	t.Helper()
	info, err := a.Redis(t.Context(), node.Name(), "INFO", "clients")
	require.NoError(t, err)
	return int(integer(infoFields(info + "\r\n")["blocked_clients"]))
}

// followers counts the replicas of a node that are online.
func (a *arena) followers(t *testing.T, node string) int {
	t.Helper()
	info, err := a.Redis(t.Context(), node, "INFO", "replication")
	require.NoError(t, err)
	return strings.Count(info, "state=online")
}
