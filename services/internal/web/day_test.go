package web

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// dayShop is a shop of one replica and 1 MB, at a fixed time, in which the customers of paid have a paid purchase.
type dayShop struct {
	at       time.Time
	replicas int
	paid     map[string]bool
	err      error
	asked    int
	memory   int64
}

func newDayShop() *dayShop {
	return &dayShop{at: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), replicas: 1, paid: map[string]bool{}, memory: 1_000_000}
}

func (s *dayShop) day(t *testing.T, settings DaySettings) *Day {
	t.Helper()
	day, err := NewDay(settings, DayShop{
		Replicas: func() int { return s.replicas }, MemoryBytes: func() int64 { return s.memory },
		HasPaid: func(_ context.Context, user string) (bool, error) {
			s.asked++
			return s.paid[user], s.err
		},
		Now: func() time.Time { return s.at },
	})
	require.NoError(t, err)
	return day
}

// by has a customer write once, from an address, and gives the quota that refuses it.
func (d *Day) by(user, address string) string {
	return d.write(context.Background(), writer{user: user, address: address, signsIn: user == ""})
}

func TestAReplicaGrantsItsShareOfACustomersDay(t *testing.T) {
	shop := newDayShop()
	shop.replicas = 2
	day := shop.day(t, DaySettings{Keys: 5, Bytes: 100, SharePercent: 100, AddressPercent: 100})
	for range 3 {
		require.Empty(t, day.by("ann", "1"))
	}
	require.Equal(t, QuotaDayKeys, day.by("ann", "1"), "3 is half of 5, rounded up")
	require.Empty(t, day.by("bob", "1"), "others have their own")

	shop.replicas = 1
	require.Empty(t, day.by("ann", "1"), "the replica is alone now")
	require.Empty(t, day.by("ann", "1"))
	require.Equal(t, QuotaDayKeys, day.by("ann", "1"))

	shop.at = shop.at.Add(12 * time.Hour)
	require.Empty(t, day.by("ann", "1"), "a new day has begun")
	day.stored("ann", 99)
	require.Empty(t, day.by("ann", "1"))
	day.stored("ann", 1)
	require.Equal(t, QuotaDayBytes, day.by("ann", "1"))
	require.Zero(t, shop.asked)
}

func TestTheTableOfADayIsBounded(t *testing.T) {
	shop := newDayShop()
	shop.memory = 1 << 30
	day := shop.day(t, DaySettings{Keys: 1, Bytes: 100, SharePercent: 100, AddressPercent: 100})
	require.Empty(t, day.by("first", "1"))
	require.NotEmpty(t, day.by("first", "1"))
	for i := range maxKnownUsers {
		day.by(fmt.Sprint(i), fmt.Sprint(i))
	}
	require.Equal(t, maxKnownUsers, day.users.Len())
	require.Equal(t, maxKnownAddresses, day.addresses.Len())
	require.Empty(t, day.by("first", "1"), "it has fallen out of the table")
}
