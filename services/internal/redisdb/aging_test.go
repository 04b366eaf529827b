package redisdb

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// beatOf gives a replica that is cut off a heartbeat of that age, and a value under key.
func beatOf(t *testing.T, replica *stack.Process, age time.Duration, key, value string) {
	t.Helper()
	for _, command := range [][]string{
		{"CONFIG", "SET", "replica-read-only", "no"},
		{"MSET", KeyHeartbeat(), strconv.FormatInt(time.Now().Add(-age).UnixMilli(), 10), key, value},
		{"CONFIG", "SET", "replica-read-only", "yes"},
	} {
		_, err := nodes.Redis(t.Context(), replica.Name(), command...)
		require.NoError(t, err)
	}
}

// The bound is the one of docs/failures.md, two seconds, and not the constant of the code.
func TestDataOlderThanTwoSecondsIsNotTakenFromAReplica(t *testing.T) {
	db, key := open(t, generous), unique("value")
	// Without a heartbeat of now the primary counts as frozen, and the freshest replica answers, however old.
	require.Eventually(t, func() bool { return db.probeCount(t, "success") > 0 }, generous, time.Millisecond)
	ask(t, "SET", key, "current")
	replica := eachReplica(t)[0]
	heal := cutOff(t, replica)
	defer heal()
	for _, age := range []time.Duration{2100 * time.Millisecond, 3 * time.Second, time.Hour} {
		beatOf(t, replica, age, key, "outdated")
		require.Zero(t, outdated(t, db, key), "of data %v old", age)
	}
	// A machine that stands still for a second makes the data older than it is meant to be.
	require.Eventually(t, func() bool {
		beatOf(t, replica, time.Second, key, "outdated")
		return outdated(t, db, key) > 0
	}, generous, time.Millisecond, "of data one second old")
}

// outdated counts the answers of a replica that is cut off among ten; the replicas are asked in turn.
func outdated(t *testing.T, db *DB, key string) (count int) {
	t.Helper()
	db.penalties.Clear() // or a node that was passed over a moment ago would not be asked
	for range 10 {
		value, err := db.Value(t.Context(), key)
		require.NoError(t, err)
		if value == "outdated" {
			count++
		}
	}
	return count
}
