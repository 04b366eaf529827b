package redisdb

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

func TestAFrozenOldPrimaryDoesNotSlowTheNewOne(t *testing.T) {
	a := newArena(t, nil)
	db, old := a.dbs[0], a.Process(a.whole(t))
	key := unique("counter")
	require.NoError(t, old.Pause())
	commitValue(t, db, key)
	require.NotEqual(t, old.Addr(), db.topology.now.Load().primary)

	begun, slow := time.Now(), 0
	for range 40 {
		one := time.Now()
		_, err := db.Commit(t.Context(), counting(key, 99, request(unique("r"))))
		require.NoError(t, err)
		if time.Since(one) >= lookTimeout {
			slow++
		}
	}
	t.Logf("40 writes took %v, %d of them longer than the time to look for others", time.Since(begun).Round(time.Millisecond), slow)
	require.LessOrEqual(t, slow, 8, "only now and then one waits for the frozen node")

	// It wakes up as a primary, and is seen at once.
	require.NoError(t, old.Resume())
	require.Eventually(t, func() bool {
		said, err := db.topology.look(t.Context(), old.Addr())
		return err == nil && strings.Contains("master slave", said["role"])
	}, 2*time.Second, time.Millisecond)
	a.whole(t)
}

func TestAFrozenSentinelDoesNotSlowWhatOneReplicaAcknowledges(t *testing.T) {
	a := newArena(t, nil)
	db, primary := a.dbs[0], a.whole(t)
	for _, name := range []string{"redis-1", "redis-2", "redis-3"} {
		if name != primary {
			require.NoError(t, a.Process(name).Kill())
			break
		}
	}
	key := unique("counter")
	require.NoError(t, a.Process("sentinel-1").Pause())
	commitValue(t, db, key)
	begun, slow := time.Now(), 0
	for range 40 {
		one := time.Now()
		_, err := db.Commit(t.Context(), counting(key, 99, request(unique("r"))))
		require.NoError(t, err)
		if time.Since(one) >= lookTimeout {
			slow++
		}
	}
	t.Logf("40 writes took %v, %d of them longer than the time to look for others", time.Since(begun).Round(time.Millisecond), slow)
	require.LessOrEqual(t, slow, 8, "only now and then one waits for the frozen Sentinel")
	require.Len(t, db.topology.testimonies(t.Context()), 2)

	// It wakes up, and is heard at once.
	require.NoError(t, a.Process("sentinel-1").Resume())
	require.Eventually(t, func() bool { return len(db.topology.testimonies(t.Context())) == 3 }, 2*time.Second, time.Millisecond)
}

// A Sentinel that did not run for 2 s takes no replica for alive again for 30 s (tilt).
func TestASentinelThatStoodStillHidesNoReplica(t *testing.T) {
	a := newArena(t, nil)
	primary := a.whole(t)
	ask := func(command ...string) string {
		reply, err := a.Redis(t.Context(), "sentinel-1", command...)
		require.NoError(t, err)
		return reply
	}
	down := func() int {
		return strings.Count(ask("SENTINEL", "REPLICAS", a.Setting("REDIS_MASTER_NAME")), "s_down")
	}
	var replicas []*stack.Process
	for _, name := range []string{"redis-1", "redis-2", "redis-3"} {
		if name != primary {
			replicas = append(replicas, a.Process(name))
		}
	}
	for _, replica := range replicas {
		require.NoError(t, replica.Kill())
	}
	require.Eventually(t, func() bool { return down() == 2 }, generous, 10*time.Millisecond)
	require.NoError(t, a.Process("sentinel-1").Pause())
	<-time.After(2500 * time.Millisecond)
	require.NoError(t, a.Process("sentinel-1").Resume())
	for _, replica := range replicas {
		require.NoError(t, replica.Restart(t.Context()))
	}
	awaitKnown(t, a.dbs[0])
	require.Equal(t, 2, down())
	require.Contains(t, ask("INFO", "sentinel"), "sentinel_tilt:1")
}
