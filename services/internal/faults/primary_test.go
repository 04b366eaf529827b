package faults_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

func TestWritesResumeSoonAfterThePrimaryIsKilledAndNoneIsLost(t *testing.T) {
	shop, admin := whole(t)
	load := startTraffic(t, shop, admin)
	load.awaitMore(t, perSecond)

	old, _ := roles(t, shop)
	kill := time.Now()
	require.NoError(t, old.Kill())
	dead := time.Now()
	resumed := load.await(t, 1, func(r result) bool { return r.write && r.right() && r.sent.After(dead) })[0].done
	load.awaitMore(t, perSecond)
	results := load.end(t)

	gap, allowed := resumed.Sub(kill), downAfter(t, shop)+3*time.Second
	t.Logf("%s killed: the first write sent after that was acknowledged %v later", old.Name(), gap.Round(time.Millisecond))
	require.Less(t, gap, allowed)
	requireReadsWentOn(t, results, kill, resumed)
	requireAllRight(t, results)
	load.requireEachOnce(t, results)
	load.requireReplays(t, results)
	load.requireEachOnce(t, results)
	requireReturnsAsReplica(t, shop, old)
}

// The primary has written and synced, and no replica has heard of it: told to
// nobody, such writes have to be made again on the next primary.
func TestAWriteThatNoReplicaHoldsIsAcknowledgedOnlyByTheNextPrimary(t *testing.T) {
	shop, admin := whole(t)
	load := startTraffic(t, shop, admin)
	load.awaitMore(t, perSecond/2)

	old, replicas := roles(t, shop)
	// The other guard has to be off, or the primary would refuse such writes.
	redis(t, shop, old, "CONFIG", "SET", "min-replicas-to-write", "0")
	for _, r := range replicas {
		redis(t, shop, r, "CONFIG", "SET", "masterauth", "a wrong one")
	}
	redis(t, shop, old, "CLIENT", "KILL", "TYPE", "replica")
	cut, written := time.Now(), commits(t, shop)
	// So many groups (and heartbeats) that the first have waited in vain for a replica and run again.
	await(t, 5*time.Second, "writes have run", func() bool { return commits(t, shop) >= written+8 })
	require.NoError(t, old.Kill())
	dead := time.Now()
	for _, r := range replicas {
		redis(t, shop, r, "CONFIG", "SET", "masterauth", shop.Setting("REDIS_REPLICATION_PASSWORD"))
	}
	load.await(t, perSecond/4, func(r result) bool { return r.write && r.right() && r.sent.After(dead) })

	results := load.end(t)
	require.Empty(t, filter(results, func(r result) bool { return r.write && r.sent.After(cut) && r.done.Before(dead) }))
	requireAllRight(t, results)
	load.requireEachOnce(t, results)
	requireReturnsAsReplica(t, shop, old)
}

// downAfter is Sentinel's patience with a silent primary.
func downAfter(t *testing.T, s *stack.Stack) time.Duration {
	t.Helper()
	milliseconds, err := strconv.Atoi(s.Setting("SENTINEL_DOWN_AFTER_MS"))
	require.NoError(t, err)
	return time.Duration(milliseconds) * time.Millisecond
}

// requireReadsWentOn demands that reads were answered while nothing was written.
func requireReadsWentOn(t *testing.T, results []result, from, to time.Time) {
	t.Helper()
	reads := filter(results, func(r result) bool { return !r.write && r.sent.After(from) && r.sent.Before(to) })
	answered := filter(reads, func(r result) bool { return r.answer.Status == http.StatusOK && r.done.Before(to) })
	t.Logf("without a primary %d of %d reads were answered, the slowest after %v", len(answered), len(reads), slowest(reads, isRead))
	require.GreaterOrEqual(t, len(answered), len(reads)*9/10)
}

// requireReturnsAsReplica starts the primary that was, which has to follow the
// one that is, and to hold all that it has.
func requireReturnsAsReplica(t *testing.T, s *stack.Stack, old *stack.Process) {
	t.Helper()
	require.NoError(t, old.Restart(t.Context()))
	primary, _ := roles(t, s)
	require.NotEqual(t, old.Name(), primary.Name())
	await(t, 20*time.Second, old.Name()+" follows "+primary.Name(), func() bool {
		mine, its := info(t, s, old), info(t, s, primary)
		return mine["role"] == "slave" && mine["master_link_status"] == "up" &&
			mine["master_host"]+":6379" == primary.Addr() && its["connected_slaves"] == "2"
	})
}
