package redisdb

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
)

// refusing is cmd with a refusal that the replica has found.
func refusing(cmd Command) Command {
	cmd.Refusal = ErrFull.Code
	return cmd
}

func TestARefusalOfTheReplicaWritesNothingAndIsNotRemembered(t *testing.T) {
	db := open(t, generous)
	defer noLayout(t)
	for _, layout := range []int{1, 2, Layout} {
		putInForce(t, layout)
		for name, r := range map[string]idempotency.Request{
			"in a bucket": keyed(unique("r"), rand.Text()), "in a key of its own": request(unique("r")), "without a request id": {},
		} {
			key := unique("counter")
			_, err := db.Commit(t.Context(), refusing(counting(key, 9, r)))
			require.ErrorIs(t, err, ErrFull, name)
			require.Empty(t, ask(t, "GET", key), name)
			require.Equal(t, "0", ask(t, "EXISTS", KeyRequest(r.Record), bucketOf(t, r.Caller, 0)), name)
			result, err := db.Commit(t.Context(), counting(key, 9, r))
			require.NoError(t, err, name)
			require.False(t, result.Replayed, "%s, layout %d", name, layout)
			require.Equal(t, "1", ask(t, "GET", key), name)
		}
	}
}

func TestARememberedOutcomeGoesBeforeARefusalOfTheReplica(t *testing.T) {
	db := open(t, generous)
	defer noLayout(t)
	for _, layout := range []int{1, 2, Layout} {
		putInForce(t, layout)
		for _, limit := range []int{9, 0} { // an effect, and a refusal that is remembered
			for name, r := range map[string]idempotency.Request{"in a bucket": keyed(unique("r"), rand.Text()),
				"in a key of its own": request(unique("r"))} {
				key := unique("counter")
				first, err := db.Commit(t.Context(), counting(key, limit, r))
				require.NoError(t, err, name)
				again(t, db, key, refusing(counting(key, limit, r)), first)
				other := r
				other.Fingerprint = "another body"
				_, err = db.Commit(t.Context(), refusing(counting(key, limit, other)))
				require.ErrorIs(t, err, ErrKeyReused, name)
			}
		}
	}
}

func TestAScriptMayRefuseForNowByItself(t *testing.T) {
	db, key := open(t, generous), unique("r")
	_, err := db.Commit(t.Context(), NewScript("test.refuses", "return refuse('storage-full')").Command(request(key), "", nil))
	require.ErrorIs(t, err, ErrFull)
	require.Equal(t, "0", ask(t, "EXISTS", KeyRequest(key)))

	_, err = db.Commit(t.Context(), NewScript("test.refuses", "return refuse('no-such-refusal')").Command(request(key), "", nil))
	require.ErrorContains(t, err, "no-such-refusal")
	require.NotErrorIs(t, err, ErrFull)
}

// Whether the first try will still be run is not known when the second one is refused.
func TestARefusalAfterATryThatMayHaveBeenDoneIsAnUnknownOutcome(t *testing.T) {
	key, broke := unique("counter"), false
	cmd := refusing(counting(key, 9, request(unique("r"))))
	db := open(t, generous, func(db *DB) {
		exchange := db.committer.exchange
		db.committer.exchange = func(ctx context.Context, group []*item) (seq, count int64, err error) {
			if broke || !carries(group, len(cmd.Keys)+len(cmd.Args)) {
				return exchange(ctx, group)
			}
			broke = true
			return 0, 0, errors.New("the connection broke")
		}
	})
	_, err := db.Commit(t.Context(), cmd)
	require.True(t, broke)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.Empty(t, ask(t, "GET", key))
}

// carries reports whether a group has an item of that size; a heartbeat's is 1.
func carries(group []*item, size int) bool {
	for _, it := range group {
		if it.size == size {
			return true
		}
	}
	return false
}
