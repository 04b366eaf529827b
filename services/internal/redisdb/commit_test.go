package redisdb

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
)

const generous = 10 * time.Second

func TestARequestHasOneOutcomeHoweverOftenItIsCommitted(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	first, err := db.Commit(t.Context(), counting(key, 1, request(key)))
	require.NoError(t, err)
	require.Equal(t, Result{Values: []string{"1"}, Own: true, Seq: first.Seq}, first)

	again, err := db.Commit(t.Context(), counting(key, 1, request(key)))
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, again.Values)
	require.True(t, again.Replayed)
	require.Greater(t, again.Seq, first.Seq)
	require.Equal(t, "1", ask(t, "GET", key))
}

// nginx sends one HTTP request again under its id, and so does the committer; a
// client that sends its key again makes another one.
func TestAnOutcomeIsTheOwnOfOneHTTPRequest(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	for _, row := range []struct {
		id            string
		replayed, own bool
	}{
		{"0123456789abcdef", false, true},
		{"0123456789abcdef", true, true},
		{"0123456789fedcba", true, false},
	} {
		r := byClient(key)
		r.ID = row.id
		result, err := db.Commit(t.Context(), counting(key, 1, r))
		require.NoError(t, err)
		require.Equal(t, row.replayed, result.Replayed, row)
		require.Equal(t, row.own, result.Own, row)
	}
}

// byClient is a request that a client has given a key.
func byClient(record string) idempotency.Request {
	r := request(record)
	r.TTL = idempotency.KeyTTL
	return r
}

func TestARefusalIsRememberedLikeAnEffect(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	refused, err := db.Commit(t.Context(), counting(key, 0, request(key)))
	require.NoError(t, err)
	require.Equal(t, 1, refused.Code)
	again, err := db.Commit(t.Context(), counting(key, 99, request(key)))
	require.NoError(t, err)
	require.Equal(t, 1, again.Code)
	require.True(t, again.Replayed)
	require.Empty(t, ask(t, "GET", key))
}

func TestAnotherBodyUnderOneKeyIsRefused(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	_, err := db.Commit(t.Context(), counting(key, 9, request(key)))
	require.NoError(t, err)
	other := request(key)
	other.Fingerprint = "another"
	_, err = db.Commit(t.Context(), counting(key, 9, other))
	require.ErrorIs(t, err, ErrKeyReused)
	require.Equal(t, "1", ask(t, "GET", key))
}

func TestManyAtOnceUnderOneRequestHappenOnce(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			result, err := db.Commit(t.Context(), counting(key, 99, request(key)))
			if err != nil || result.Values[0] != "1" {
				t.Errorf("%v, %v", result, err)
			}
		})
	}
	group.Wait()
	require.Equal(t, "1", ask(t, "GET", key))
}

func TestACommandWithoutRequestIsNotRemembered(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	for range 3 {
		_, err := db.Commit(t.Context(), counting(key, 9, idempotency.Request{}))
		require.NoError(t, err)
	}
	require.Equal(t, "3", ask(t, "GET", key))
}

func TestAPrimaryThatNeverSawTheScriptRunsIt(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	ask(t, "SCRIPT", "FLUSH")
	result, err := db.Commit(t.Context(), counting(key, 9, request(key)))
	require.NoError(t, err)
	require.False(t, result.Replayed)
	require.Equal(t, "1", ask(t, "GET", key))
}

func TestNothingIsToldUntilEveryConnectedReplicaHoldsIt(t *testing.T) {
	db, key := open(t, 2*time.Second), unique("counter")
	replicas := eachReplica(t)
	for _, replica := range replicas {
		require.NoError(t, replica.Pause())
	}
	_, err := db.Commit(t.Context(), counting(key, 9, request(key)))
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.Equal(t, "1", ask(t, "GET", key), "the primary has it, and yet it is not acknowledged")

	for _, replica := range replicas {
		require.NoError(t, replica.Resume())
	}
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
	result, err := db.Commit(t.Context(), counting(key, 9, request(key)))
	require.NoError(t, err)
	require.True(t, result.Replayed, "the same request gives the one true outcome")
	require.Equal(t, "1", ask(t, "GET", key))
}

func TestARefusalWaitsForTheReplicasToo(t *testing.T) {
	db, key := open(t, 1500*time.Millisecond), unique("counter")
	replicas := eachReplica(t)
	for _, replica := range replicas {
		require.NoError(t, replica.Pause())
	}
	_, err := db.Commit(t.Context(), counting(key, 0, idempotency.Request{}))
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	for _, replica := range replicas {
		require.NoError(t, replica.Resume())
	}
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
}

func TestOneReplicaIsEnoughOnceTheOtherIsKnownToBeGone(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	gone := eachReplica(t)[0]
	require.NoError(t, gone.Kill())
	start := time.Now()
	_, err := db.Commit(t.Context(), counting(key, 9, request(key)))
	require.NoError(t, err)
	require.Less(t, time.Since(start), 3*time.Second)
	require.NoError(t, gone.Restart(t.Context()))
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
}

func TestWithoutReplicasNothingIsWrittenAndWritesResumeWithTheFirst(t *testing.T) {
	short, patient, key := open(t, 1500*time.Millisecond), open(t, generous), unique("counter")
	replicas := eachReplica(t)
	for _, replica := range replicas {
		require.NoError(t, replica.Kill())
	}
	require.Eventually(t, func() bool {
		_, err := short.Commit(t.Context(), counting(key, 9, request(key)))
		return faultIs(err, ErrUnavailable)
	}, generous, 10*time.Millisecond, "once the primary has noticed, it refuses before it writes")
	for range 5 { // whatever its commit is busy with at the deadline
		_, err := short.Commit(t.Context(), counting(key, 9, request(key)))
		require.ErrorIs(t, err, ErrUnavailable)
	}
	require.Empty(t, ask(t, "GET", key))

	done := make(chan error, 1)
	go func() {
		_, err := patient.Commit(t.Context(), counting(key, 9, request(key)))
		done <- err
	}()
	require.NoError(t, replicas[0].Restart(t.Context()))
	require.NoError(t, <-done)
	require.Equal(t, "1", ask(t, "GET", key))
	require.NoError(t, replicas[1].Restart(t.Context()))
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
}

func TestAFullStoreIsSaidAtOnceAndReadsGoOn(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	_, err := db.Commit(t.Context(), counting(key, 9, request(key)))
	require.NoError(t, err)
	before := ask(t, "CONFIG", "GET", "maxmemory")
	defer func() { ask(t, "CONFIG", "SET", "maxmemory", lastWord(before)) }()
	ask(t, "CONFIG", "SET", "maxmemory", "1mb")
	start := time.Now()
	_, err = db.Commit(t.Context(), counting(key, 9, request(unique("counter"))))
	require.ErrorIs(t, err, ErrFull)
	require.Less(t, time.Since(start), time.Second)
	value, err := db.Value(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, "1", value)
}

// The rule looks around after the group has run; that somebody refuses a connection
// then must not be taken for the group's never having been sent.
func TestAWriteThatRanAndWasWithheldIsNeverSaidNotToHaveBeenDone(t *testing.T) {
	_, refused := net.Dial("tcp", "127.0.0.1:1")
	require.Error(t, refused)
	db, key := open(t, time.Second, withholding(func() error { return errors.Join(errPromoted, refused) })), unique("counter")
	_, err := db.Commit(t.Context(), counting(key, 9, request(key)))
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.Equal(t, "1", ask(t, "GET", key))
}

func TestAWriteThatRanIsNotSaidToHaveFoundNoMemoryAtItsSecondTry(t *testing.T) {
	before, key := ask(t, "CONFIG", "GET", "maxmemory"), unique("counter")
	defer func() { ask(t, "CONFIG", "SET", "maxmemory", lastWord(before)) }()
	full := false // the committer's goroutine alone asks; heartbeats go on after the test's context has ended
	db := open(t, 3*time.Second, withholding(func() error {
		if !full && ask(t, "EXISTS", key) == "1" { // it is this write's group, not a heartbeat's
			ask(t, "CONFIG", "SET", "maxmemory", "1mb")
			full = true
		}
		return errShort
	}))
	_, err := db.Commit(t.Context(), counting(key, 9, request(unique("r"))))
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.Equal(t, "1", ask(t, "GET", key))
}

// withholding has every group run and none acknowledged.
func withholding(why func() error) func(*DB) {
	return func(db *DB) {
		db.committer.rule = func(context.Context, string, int64) (string, error) { return "", why() }
	}
}

func TestAScriptThatIsWrongIsADefectAndIsNotTriedAgain(t *testing.T) {
	db := open(t, generous)
	start := time.Now()
	_, err := db.Commit(t.Context(), NewScript("test.wrong", `error('boom')`).Command(idempotency.Request{}, "", nil))
	require.ErrorContains(t, err, "boom")
	require.Less(t, time.Since(start), time.Second)
}
