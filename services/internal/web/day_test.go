package web

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAReplicaGrantsItsShareOfACustomersDay(t *testing.T) {
	at, replicas := time.Date(2026, 11, 28, 23, 59, 0, 0, time.UTC), 2
	day, err := NewDay(DaySettings{Keys: 5, Bytes: 100}, func() int { return replicas }, func() time.Time { return at }, nil)
	require.NoError(t, err)
	for range 3 {
		require.Empty(t, day.write("ann"))
	}
	require.Equal(t, QuotaDayKeys, day.write("ann"), "3 is half of 5, rounded up")
	require.Empty(t, day.write("bob"), "others have their own")

	replicas = 1
	require.Empty(t, day.write("ann"), "the replica is alone now")
	require.Empty(t, day.write("ann"))
	require.Equal(t, QuotaDayKeys, day.write("ann"))

	at = at.Add(time.Minute)
	require.Empty(t, day.write("ann"), "a new day has begun")
	day.stored("ann", 99)
	require.Empty(t, day.write("ann"))
	day.stored("ann", 1)
	require.Equal(t, QuotaDayBytes, day.write("ann"))
}

func TestTheTableOfADayIsBounded(t *testing.T) {
	day, err := NewDay(DaySettings{Keys: 1, Bytes: 100}, func() int { return 1 }, time.Now, nil)
	require.NoError(t, err)
	require.Empty(t, day.write("first"))
	require.NotEmpty(t, day.write("first"))
	for i := range maxKnownUsers {
		day.write(fmt.Sprint(i))
	}
	require.Equal(t, maxKnownUsers, day.users.Len())
	require.Empty(t, day.write("first"), "it has fallen out of the table")
}
