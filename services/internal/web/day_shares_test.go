package web

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the shares of these tests hold: 1 % of 1 MB, and a half of it for an address.
const (
	sharedWrites  = 1_000_000 / 100 / rememberedBytes
	addressWrites = sharedWrites / 2
)

func sharedDay(t *testing.T) (*dayShop, *Day) {
	t.Helper()
	shop := newDayShop()
	return shop, shop.day(t, DaySettings{Keys: 1000, Bytes: 1000, SharePercent: 1, AddressPercent: 50})
}

func TestTheNewCustomersOfOneAddressShareItsPartOfADay(t *testing.T) {
	_, day := sharedDay(t)
	for i := range addressWrites {
		require.Empty(t, day.by(fmt.Sprint("new ", i), "1"))
	}
	require.Equal(t, QuotaDayAddress, day.by("another", "1"))
	require.Empty(t, day.by("another", "2"))
}

func TestAllNewCustomersShareADayAndThoseWhoHavePaidGoOn(t *testing.T) {
	shop, day := sharedDay(t)
	for i := range sharedWrites {
		require.Empty(t, day.by(fmt.Sprint("new ", i), fmt.Sprint(i)))
	}
	require.Equal(t, QuotaDayShare, day.by("another", "another"))
	require.Empty(t, day.by("", "another"), "sign-ups have a share of their own")

	shop.paid["ann"] = true
	for range sharedWrites {
		require.Empty(t, day.by("ann", "1"), "at whatever address")
	}
	require.Equal(t, QuotaDayShare, day.by("ann", "1"), "those who have paid share a part, too")

	shop.at = shop.at.Add(12 * time.Hour)
	require.Empty(t, day.by("another", "another"), "a new day has begun")
}

func TestGuestsShareADay(t *testing.T) {
	_, day := sharedDay(t)
	for range addressWrites {
		require.Empty(t, day.by("", "1"))
	}
	require.Equal(t, QuotaDayAddress, day.by("", "1"))
	day.left(writer{address: "2", signsIn: true}, 1_000_000)
	require.Equal(t, QuotaDayShare, day.by("", "3"), "accounts count")
	require.Empty(t, day.by("ann", "1"), "customers have shares of their own")
}

func TestTheShopIsAskedForPaidPurchasesOnceAShareIsHalfUsed(t *testing.T) {
	shop, day := sharedDay(t)
	for range addressWrites / 2 {
		require.Empty(t, day.by("ann", "1"))
	}
	require.Zero(t, shop.asked)
	require.Empty(t, day.by("ann", "1"))
	require.Empty(t, day.by("ann", "1"))
	require.Equal(t, 1, shop.asked, "the answer holds for a while")

	shop.at = shop.at.Add(askAgainAfter)
	require.Empty(t, day.by("ann", "1"))
	require.Equal(t, 2, shop.asked)
}

func TestACustomerWhoPaysCountsAmongThoseWhoHavePaid(t *testing.T) {
	shop, day := sharedDay(t)
	for range addressWrites {
		require.Empty(t, day.by("ann", "1"))
	}
	require.Equal(t, QuotaDayAddress, day.by("ann", "1"))
	shop.paid["ann"] = true
	require.Equal(t, QuotaDayAddress, day.by("ann", "1"), "the last answer is young")
	shop.at = shop.at.Add(askAgainAfter)
	require.Empty(t, day.by("ann", "1"))
	require.Zero(t, day.used[classNew], "what the customer has written counts among the others")
	require.Equal(t, int64(addressWrites+1)*rememberedBytes, day.used[classKnown])
}

func TestAWriteIsNotRefusedWhileTheShopDoesNotSayWhoHasPaid(t *testing.T) {
	shop, day := sharedDay(t)
	shop.err = errors.New("no replica answers")
	for range 2 * sharedWrites {
		require.Empty(t, day.by("ann", "1"))
	}
	shop.err = nil
	require.Equal(t, QuotaDayShare, day.by("ann", "1"), "they were counted")
}
