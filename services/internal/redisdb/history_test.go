package redisdb

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
)

// other is a history that no shop makes by itself.
const other = "00000000000000ff"

// noHistory takes the id away, so that the tests that follow begin without one.
func noHistory(t *testing.T) {
	t.Helper()
	ask(t, "DEL", KeyHistory())
}

// inHistory gives a DB that works in a history, past its start: it hears of another one by its commands alone.
func inHistory(t *testing.T, history string) *DB {
	t.Helper()
	db := open(t, generous, func(db *DB) { db.settings.Unlisted = true })
	db.history.Store(&history)
	return db
}

func TestReplicasThatStartTogetherBeginOneHistory(t *testing.T) {
	defer noLayout(t)
	for _, layout := range []int{OldestLayout, 2, Layout} {
		noHistory(t)
		putInForce(t, layout)
		var starts sync.WaitGroup
		dbs := make([]*DB, 4)
		for i := range dbs {
			dbs[i] = open(t, generous)
			starts.Go(func() {
				if err := dbs[i].CheckSchema(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		starts.Wait()
		kept := ask(t, "GET", KeyHistory())
		require.Regexp(t, `^[0-9a-f]{16}$`, kept)
		for _, db := range dbs {
			require.Equal(t, kept, db.History())
			require.NoError(t, db.Stop())
		}
	}
}

func TestAtMaxmemoryAShopWithoutAHistoryGetsOne(t *testing.T) {
	db := open(t, generous)
	defer noLayout(t)
	putInForce(t, OldestLayout)
	noHistory(t)
	defer fill(t)()
	require.NoError(t, db.CheckSchema(t.Context()))
	require.Equal(t, ask(t, "GET", KeyHistory()), db.History())
}

func TestWhileTheMarkOfARestoreIsThereNothingIsWritten(t *testing.T) {
	for _, mark := range []string{"restoring", "restoring 01934f4e since 14:02", ""} {
		t.Run(mark, func(t *testing.T) {
			db, unlisted := open(t, generous), inHistory(t, "")
			defer noLayout(t)
			putInForce(t, Layout)
			require.NoError(t, db.CheckSchema(t.Context()))
			ask(t, "SET", KeySchema(), mark)
			for _, r := range []idempotency.Request{request(unique("r")), {}} {
				key := unique("counter")
				_, err := unlisted.Commit(t.Context(), counting(key, 9, r))
				require.ErrorIs(t, err, ErrRestoring)
				require.Equal(t, "0", ask(t, "EXISTS", key, KeyRequest(r.Record)))
			}
			require.Eventually(t, db.Restoring, 3*time.Second, 10*time.Millisecond, "its sign of life says so")
			ask(t, "DEL", KeyHeartbeat(), KeyReplicas())
			_, err := db.Commit(t.Context(), counting(unique("counter"), 9, request(unique("r"))))
			require.ErrorIs(t, err, ErrRestoring)
			_, err = db.Value(t.Context(), KeySchema())
			require.ErrorIs(t, err, ErrRestoring)
			_, err = db.Value(FromPrimary(t.Context()), KeySchema())
			require.ErrorIs(t, err, ErrRestoring)
			_, err = db.CountPerMinute(t.Context(), "test", "subject", 1)
			require.ErrorContains(t, err, "RESTORING")
			require.ErrorIs(t, db.CheckSchema(t.Context()), ErrRestoring)
			failures := db.probeCount(t, "failure")
			require.Eventually(t, func() bool { return db.probeCount(t, "failure") >= failures+2 }, generous, 10*time.Millisecond)
			require.Equal(t, "0", ask(t, "EXISTS", KeyHeartbeat(), KeyReplicas()), "no heartbeat and no sign of life")

			putInForce(t, Layout)
			require.Eventually(t, func() bool { return !db.Restoring() }, 3*time.Second, 10*time.Millisecond)
			require.Eventually(t, func() bool { return ask(t, "EXISTS", KeyHeartbeat(), KeyReplicas()) == "2" }, generous, 10*time.Millisecond)
			_, err = db.Commit(t.Context(), counting(unique("counter"), 9, request(unique("r"))))
			require.NoError(t, err)
		})
	}
}

func TestAWriteOfAnotherHistoryHasNoEffectAndEndsTheReplica(t *testing.T) {
	defer noLayout(t)
	defer noHistory(t)
	for _, now := range []string{other, ""} {
		for _, r := range []idempotency.Request{request(unique("r")), {}} {
			db, key := inHistory(t, "0123456789abcdef"), unique("counter")
			if ask(t, "SET", KeyHistory(), now); now == "" {
				noHistory(t)
			}
			_, err := db.Commit(t.Context(), counting(key, 9, r))
			require.ErrorIs(t, err, ErrRestoring)
			require.Equal(t, "0", ask(t, "EXISTS", key, KeyRequest(r.Record)))
			select {
			case <-db.Ended():
			default:
				t.Error("the history has ended")
			}
			require.True(t, db.Restoring())
		}
	}
}

func TestARememberedOutcomeOfAnotherHistoryIsNoAnswer(t *testing.T) {
	defer noHistory(t)
	ask(t, "SET", KeyHistory(), "0123456789abcdef")
	key, r := unique("counter"), request(unique("r"))
	_, err := inHistory(t, "0123456789abcdef").Commit(t.Context(), counting(key, 9, r))
	require.NoError(t, err)
	ask(t, "SET", KeyHistory(), other)
	_, err = inHistory(t, "0123456789abcdef").Commit(t.Context(), counting(key, 9, r))
	require.ErrorIs(t, err, ErrRestoring)
}

func TestNoReadIsAnsweredFromTheDataOfAnotherHistory(t *testing.T) {
	beats := open(t, generous) // its heartbeats make the nodes' data fresh
	defer noHistory(t)
	key := unique("value")
	ask(t, "SET", key, "of the other history")
	require.Eventually(t, func() bool {
		value, err := beats.Value(t.Context(), key)
		return err == nil && value != ""
	}, generous, 10*time.Millisecond)
	for _, now := range []string{other, ""} {
		if ask(t, "SET", KeyHistory(), now); now == "" {
			noHistory(t)
		}
		db := inHistory(t, "0123456789abcdef")
		_, err := db.Value(t.Context(), key)
		require.ErrorIs(t, err, ErrUnavailable, "from no replica")
		_, err = db.Value(FromPrimary(t.Context()), key)
		require.ErrorIs(t, err, ErrRestoring, "in no group")
		err = db.askPrimary(t.Context(), noQuestion)
		require.ErrorIs(t, err, errOtherHistory, "and not about an absence")
	}
}

func TestAReplicaLearnsOfAnotherHistoryByItsSignOfLife(t *testing.T) {
	db := open(t, generous)
	defer noLayout(t)
	defer noHistory(t)
	putInForce(t, Layout)
	require.NoError(t, db.CheckSchema(t.Context()))
	require.NotEqual(t, other, db.History())
	ask(t, "SET", KeyHistory(), other)
	select {
	case <-db.Ended():
	case <-time.After(3 * time.Second):
		t.Fatal("it was not told")
	}
	ask(t, "DEL", KeyHeartbeat())
	failures := db.probeCount(t, "failure")
	require.Eventually(t, func() bool { return db.probeCount(t, "failure") >= failures+2 }, generous, 10*time.Millisecond)
	require.Empty(t, strings.TrimSpace(ask(t, "GET", KeyHeartbeat())), "its heartbeat would say that data of another history is fresh")
}
