package web

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAReplicaGrantsItsShareOfALimitAndAtLeastOne(t *testing.T) {
	for _, row := range []struct{ perMinute, replicas, want int }{{10, 2, 5}, {10, 3, 4}, {1, 2, 1}, {20, 1, 20},
		{20, 0, 20}, {3, 16, 1}} {
		require.Equal(t, row.want, shareOf(row.perMinute, row.replicas), row)
	}
}

func TestAReplicaThatCountsByItselfRefusesBeyondTheLimitAndTellsHowLongToWait(t *testing.T) {
	s, err := newSignIns()
	require.NoError(t, err)
	now := time.Now()
	for range 5 {
		require.Zero(t, s.count("account:ann", 5, now))
	}
	require.Equal(t, 12*time.Second, s.count("account:ann", 5, now))
	require.Equal(t, 12*time.Second, s.count("account:ann", 5, now), "a refused one is not counted")
	require.Zero(t, s.count("account:bob", 5, now))
	require.Zero(t, s.count("account:ann", 5, now.Add(12*time.Second)))
	require.Positive(t, s.count("account:ann", 5, now.Add(13*time.Second)))
	for range 5 {
		require.Zero(t, s.count("account:ann", 5, now.Add(2*time.Minute)))
	}
	require.Positive(t, s.count("account:ann", 5, now.Add(2*time.Minute)))
}

func TestTheTableOfSignInsHasABoundAndLosesTheOldest(t *testing.T) {
	s, err := newSignIns()
	require.NoError(t, err)
	now := time.Now()
	require.Zero(t, s.count("first", 1, now))
	for i := range maxKnownSignIns - 1 {
		require.Zero(t, s.count(strconv.Itoa(i), 1, now))
	}
	require.Positive(t, s.count("first", 1, now))
	require.Zero(t, s.count("one more", 1, now))
	require.Equal(t, maxKnownSignIns, s.full.Len())
	require.Zero(t, s.count("0", 1, now), "it was counted longest ago")
}
