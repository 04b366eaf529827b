//go:build !drill

package redisdb

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatShipsHasNoWeakness(t *testing.T) {
	t.Setenv("SHOP_WEAKNESS", "no-wait,no-request-ids")
	db, key := open(t, time.Second), unique("counter")
	script := NewScript(countScript.Name, countBody)
	require.Equal(t, countScript.sha, script.sha)
	for range 2 {
		_, err := db.Commit(t.Context(), script.Command(request(key), "tester", []string{key}, 9))
		require.NoError(t, err)
	}
	require.Equal(t, "1", ask(t, "GET", key))

	replicas := eachReplica(t)
	for _, replica := range replicas {
		require.NoError(t, replica.Pause())
	}
	_, err := db.Commit(t.Context(), counting(key, 9, request(unique("counter"))))
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	for _, replica := range replicas {
		require.NoError(t, replica.Resume())
	}
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
}
