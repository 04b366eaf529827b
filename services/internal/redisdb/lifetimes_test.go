package redisdb

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A replica that crashed says no goodbye. It counts for three seconds; longer, and the others would go on sharing the
// users' rates with it.
func TestAnAPIReplicaThatCrashedCountsForThreeSeconds(t *testing.T) {
	ask(t, "DEL", KeyReplicas())
	db := open(t, generous)
	seconds, err := strconv.Atoi(strings.Fields(ask(t, "TIME"))[0])
	require.NoError(t, err)
	ago := func(d time.Duration) string { return strconv.FormatInt(int64(seconds)*1000-d.Milliseconds(), 10) }
	ask(t, "ZADD", KeyReplicas(), ago(3100*time.Millisecond), "crashed")
	ask(t, "ZADD", KeyReplicas(), ago(-30*time.Second), "alive")
	db.signLife(t.Context())
	require.Equal(t, 2, db.Replicas())
	require.Empty(t, ask(t, "ZSCORE", KeyReplicas(), "crashed"))
	ask(t, "DEL", KeyReplicas())
}

func TestAnAPIReplicaThatStopsIsOffTheListAtOnce(t *testing.T) {
	db := open(t, generous)
	db.signLife(t.Context())
	require.NotEmpty(t, ask(t, "ZSCORE", KeyReplicas(), t.Name()))
	require.NoError(t, db.Stop())
	require.Empty(t, ask(t, "ZSCORE", KeyReplicas(), t.Name()))
}

func TestARateIsForgottenWithinItsMinute(t *testing.T) {
	db, subject := open(t, generous), unique("rate")
	for calls := 1; calls <= 5; calls++ {
		_, err := db.CountPerMinute(t.Context(), "test", subject, 5)
		require.NoError(t, err)
		left := millisecondsLeft(t, KeyRate("test", subject))
		require.LessOrEqual(t, left, time.Duration(calls)*12*time.Second)
		require.Greater(t, left, time.Duration(calls)*12*time.Second-10*time.Second)
	}
}

// Each refused call would put the end of the wait off: a client that tries again too early would never get in.
func TestARefusedCallIsNotCounted(t *testing.T) {
	db, subject := open(t, generous), unique("rate")
	for range 5 {
		_, err := db.CountPerMinute(t.Context(), "test", subject, 5)
		require.NoError(t, err)
	}
	for range 20 {
		wait, err := db.CountPerMinute(t.Context(), "test", subject, 5)
		require.NoError(t, err)
		require.Positive(t, wait)
		require.LessOrEqual(t, wait, 12*time.Second)
	}
}

// Two subjects, and two kinds of calls of one subject, have rates of their own.
func TestARateIsOneSubjectsAndOneKindsOfCall(t *testing.T) {
	db, one, two := open(t, generous), unique("rate"), unique("rate")
	for _, row := range [][2]string{{"test", one}, {"test", two}, {"other", one}} {
		wait, err := db.CountPerMinute(t.Context(), row[0], row[1], 1)
		require.NoError(t, err)
		require.Zero(t, wait, row)
	}
}

// What the stream may keep is added past the code under test, in pieces that hold nothing else up.
func TestTheStreamOfEventsKeepsAHundredThousandAndALittleMore(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	ask(t, "DEL", KeyEvents()) // one XADD trims 10,000 entries at most
	defer func() { ask(t, "DEL", KeyEvents()) }()
	for range 25 {
		ask(t, "EVAL", `for i = 1, 4040 do redis.call('XADD', KEYS[1], '*', 'kind', 'test') end`, "1", KeyEvents())
	}
	commitValue(t, db, key)
	length, err := strconv.Atoi(ask(t, "XLEN", KeyEvents()))
	require.NoError(t, err)
	require.GreaterOrEqual(t, length, 100_000)
	require.Less(t, length, 100_500, "Redis trims whole nodes of the stream")
}

func TestAnEventNamesWhatHappenedToWhatAndWhoDidIt(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	r := request(key)
	r.ID = unique("request")
	_, err := db.Commit(t.Context(), countScript.Command(r, "the-actor", []string{key}, 9))
	require.NoError(t, err)
	fields := strings.Fields(ask(t, "XREVRANGE", KeyEvents(), "+", "-", "COUNT", "1"))
	require.Equal(t, []string{"kind", "test.counted", "id", "x", "version", "1", "request", r.ID, "actor", "the-actor"}, fields[1:])
}
