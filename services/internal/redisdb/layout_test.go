package redisdb

import (
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// putInForce writes a layout's number past the code under test. A test that does so
// ends with noLayout.
func putInForce(t *testing.T, layout int) {
	t.Helper()
	ask(t, "SET", KeySchema(), strconv.Itoa(layout))
}

// noLayout takes the number away.
func noLayout(t *testing.T) {
	t.Helper()
	ask(t, "DEL", KeySchema())
}

func TestAFreshShopBeginsWithTheNewestLayoutOrWithTheOneThatIsSet(t *testing.T) {
	for set, want := range map[int]int{0: Layout, OldestLayout: OldestLayout, 2: 2} {
		db := open(t, generous, func(db *DB) { db.settings.FirstLayout = set })
		defer noLayout(t)
		noLayout(t)
		require.NoError(t, db.CheckSchema(t.Context()))
		require.Equal(t, strconv.Itoa(want), ask(t, "GET", KeySchema()))
		require.Equal(t, want, db.Layout())
		require.Equal(t, want == Layout, db.InForce(Layout))
		require.NoError(t, db.Stop())
	}
}

func TestDataOfAKnownLayoutIsTakenAsItIsAndOfAnotherOneRefused(t *testing.T) {
	db := open(t, generous)
	defer noLayout(t)
	for _, layout := range []int{OldestLayout, 2, Layout} {
		putInForce(t, layout)
		require.NoError(t, db.CheckSchema(t.Context()))
		require.Equal(t, strconv.Itoa(layout), ask(t, "GET", KeySchema()))
		require.Equal(t, layout, db.Layout(), "known at once")
	}
	for _, layout := range []int{OldestLayout - 1, Layout + 1, 999} {
		putInForce(t, layout)
		require.ErrorContains(t, db.CheckSchema(t.Context()), "layout "+strconv.Itoa(layout)+", this program knows 1 to 3")
		require.Equal(t, strconv.Itoa(layout), ask(t, "GET", KeySchema()), "left as it is")
		require.Equal(t, Layout, db.Layout())
	}
	putInForce(t, 1)
	ask(t, "SET", KeySchema(), "two")
	require.Error(t, db.CheckSchema(t.Context()))
}

func TestALayoutThatComesIntoForceIsNoticedAndNeverForgotten(t *testing.T) {
	db := open(t, generous)
	defer noLayout(t)
	putInForce(t, OldestLayout)
	awaitSignOfLife(t)
	require.False(t, db.InForce(Layout))
	putInForce(t, Layout)
	require.Eventually(t, func() bool { return db.InForce(Layout) }, 5*time.Second, 10*time.Millisecond)

	noLayout(t)
	awaitSignOfLife(t)
	require.Equal(t, Layout, db.Layout())
}

func TestUntilTheLayoutIsKnownItIsTheOldest(t *testing.T) {
	db := New(Settings{Unmetered: true}, nil, slog.New(slog.DiscardHandler))
	require.Equal(t, OldestLayout, db.Layout())
	require.True(t, db.InForce(OldestLayout))
	require.False(t, db.InForce(Layout))
}

// awaitSignOfLife waits until the test's replica has asked the primary once more.
func awaitSignOfLife(t *testing.T) {
	t.Helper()
	before := ask(t, "ZSCORE", KeyReplicas(), t.Name())
	require.Eventually(t, func() bool { return ask(t, "ZSCORE", KeyReplicas(), t.Name()) != before }, 5*time.Second, 10*time.Millisecond)
}
