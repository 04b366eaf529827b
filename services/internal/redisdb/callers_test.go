package redisdb

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
)

func TestACommitEndsAtItsCallersDeadlineIfThatIsEarlier(t *testing.T) {
	db, key := open(t, generous, withholding(func() error { return errShort })), unique("counter")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := db.Commit(ctx, counting(key, 9, request(key)))
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.Less(t, time.Since(begun), generous/2)
}

func TestACommitIsFinishedThoughItsCallerHasGone(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, err := db.Commit(ctx, counting(key, 9, request(key)))
	require.NoError(t, err)
	require.Equal(t, "1", ask(t, "GET", key))
}

// The group is made up, its primary is asked how many replicas to wait for, and meanwhile the caller is told that
// nothing was written. That must stay true.
func TestAWriteIsNotSentAfterItsCallerWasToldThatItWasNot(t *testing.T) {
	key := unique("counter")
	told, gone, inGroup, asked := make(chan error, 1), make(chan struct{}), make(chan struct{}), false
	db := open(t, generous, func(db *DB) {
		rely := db.committer.rely
		db.committer.rely = func(ctx context.Context, primary *redis.Client) (int64, error) {
			if !asked {
				asked = true
				close(inGroup)
				<-gone
			}
			return rely(ctx, primary)
		}
		arrived := db.committer.arrivals
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Second)
			defer cancel()
			_, err := db.Commit(ctx, counting(key, 9, idempotency.Request{}))
			told <- err
			close(gone)
		}()
		require.Eventually(t, func() bool { return len(arrived) == 1 }, generous, time.Millisecond, "it is in the first group")
	})
	select {
	case <-inGroup:
	case err := <-told:
		require.Fail(t, "it was told before its group was made up", err)
	}
	require.ErrorIs(t, <-told, ErrUnavailable)
	awaitCommit(t, db)
	require.Empty(t, ask(t, "GET", key))
}

// A node is promoted while the group is under way, after Redis has carried it out: only who looks around after the
// WAIT can see it.
func TestThePromotionIsLookedForAfterTheWait(t *testing.T) {
	key, rival := unique("counter"), eachReplica(t)[0]
	promoted := false
	db := open(t, 2*time.Second, func(db *DB) {
		exchange := db.committer.exchange
		db.committer.exchange = func(ctx context.Context, group []*item) (seq, count int64, err error) {
			seq, _, err = exchange(ctx, group)
			if !promoted && ask(t, "EXISTS", key) == "1" { // it is this write's group, not a heartbeat's
				_, err := nodes.Redis(ctx, rival.Name(), "REPLICAOF", "NO", "ONE")
				promoted = err == nil
			}
			return seq, 1, err // as if only one had it
		}
	})
	_, err := db.Commit(t.Context(), counting(key, 9, request(key)))
	primary := db.topology.now.Load().primary
	follow(t, rival.Name(), primary)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.True(t, promoted)
}

func TestTheSmallestBoundOfConnectionsIsTheOneThatIsWarnedOf(t *testing.T) {
	var logged bytes.Buffer
	db := open(t, generous, func(db *DB) { db.settings.Replicas = 4 })
	bound := newConnections(db, prometheus.NewRegistry(), slog.New(slog.NewTextHandler(&logged, nil)))
	for _, name := range allNodes {
		logged.Reset()
		bound.told = warning{}
		takes(t, 10_000)
		_, err := nodes.Redis(t.Context(), name, "CONFIG", "SET", "maxclients", "100")
		require.NoError(t, err)
		bound.check(t.Context())
		require.Contains(t, logged.String(), "maxclients=100 node="+nodes.Process(name).Addr())
	}
}

// What Redis answers before it writes anything may be sent again, and the caller of one that never gets through is told
// that nothing was written. What a busy server answers says nothing of the kind.
func TestEveryAnswerBeforeAWriteIsSorted(t *testing.T) {
	for answer, as := range map[string]failure{
		"LOADING Redis is loading the dataset in memory":                                   refused,
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.": refused,
		"MISCONF Errors writing to the AOF file: No space left on device":                  refused,
		"NOREPLICAS Not enough good replicas to write.":                                    refused,
		"READONLY You can't write against a read only replica.":                            refused,
		"OOM command not allowed when used memory > 'maxmemory'.":                          full,
		"BUSY Redis is busy running a script.":                                             unknown,
		"UNKILLABLE Sorry the script already executed write commands":                      unknown,
		"UNBLOCKED force unblock from blocking operation":                                  unknown,
		"NOPERM this user has no permissions to run the 'xadd' command":                    failed,
		"WRONGTYPE Operation against a key holding the wrong kind of value":                failed,
	} {
		require.Equal(t, as, classify(redisError(answer)), answer)
		require.Equal(t, as == refused || as == unknown, mustRepeat(redisError(answer)), answer)
	}
	require.True(t, mustRepeat(redisError("NOSCRIPT No matching script.")))
	require.False(t, mustRepeat(nil))
}
