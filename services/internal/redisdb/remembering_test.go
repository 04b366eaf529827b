package redisdb

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
)

// What Redis itself says of the record counts, in figures that stand nowhere in the code.
func TestAnOutcomeIsRememberedForTwoMinutesAndForADayUnderAClientsKey(t *testing.T) {
	db, maker := open(t, generous), idempotency.NewMaker([]byte("a secret of at least 32 characters"))
	for _, row := range []struct {
		name, key   string
		limit       int // 0 refuses: refusals are remembered as long as effects
		least, most time.Duration
	}{
		{"an effect of a request without a key", "", 1, 110 * time.Second, 2 * time.Minute},
		{"a refusal of a request without a key", "", 0, 110 * time.Second, 2 * time.Minute},
		{"an effect under a client's key", "the-clients", 1, 24*time.Hour - 10*time.Second, 24 * time.Hour},
		{"a refusal under a client's key", "the-clients", 0, 24*time.Hour - 10*time.Second, 24 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			counter := unique("counter")
			r := maker.Make(idempotency.Source{Key: row.key, RequestID: counter, User: counter, Method: "POST", Path: "/v1/purchases"})
			_, err := db.Commit(t.Context(), counting(counter, row.limit, r))
			require.NoError(t, err)
			left := millisecondsLeft(t, KeyRequest(r.Record))
			require.LessOrEqual(t, left, row.most)
			require.GreaterOrEqual(t, left, row.least)
		})
	}
}

// millisecondsLeft is how long the primary will keep a key; negative when it has none, or keeps it for ever.
func millisecondsLeft(t *testing.T, key string) time.Duration {
	t.Helper()
	left, err := strconv.Atoi(ask(t, "PTTL", key))
	require.NoError(t, err)
	return time.Duration(left) * time.Millisecond
}
