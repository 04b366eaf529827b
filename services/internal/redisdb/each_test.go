package redisdb

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hashes stores so many hashes with a value of a size each, and gives their keys; the one in the middle is not there.
func hashes(t *testing.T, n, valueBytes int) []string {
	t.Helper()
	keys := make([]string, n)
	for i := range keys {
		keys[i] = unique("hash")
		if i != n/2 {
			ask(t, "HSET", keys[i], "n", strconv.Itoa(i), "value", strings.Repeat("x", valueBytes))
		}
	}
	ask(t, "WAIT", "2", "1000")
	return keys
}

func TestEachHashGivesAllOfThemInOrderWhateverTheirSize(t *testing.T) {
	db := open(t, generous)
	for _, row := range []struct{ n, valueBytes int }{{1, 10}, {mostFew, 100_000}, {40, 10}, {12, 30_000}, {6, 200_000}} {
		keys := hashes(t, row.n, row.valueBytes)
		seen := 0
		err := db.EachHash(t.Context(), keys, []string{"n", "value", "missing"}, func(i int, found Fields) (bool, error) {
			require.Equal(t, seen, i)
			seen++
			if i == row.n/2 {
				require.Nil(t, found)
				return true, nil
			}
			require.Equal(t, strconv.Itoa(i), found["n"])
			require.Len(t, found["value"], row.valueBytes)
			require.Equal(t, row.valueBytes+len(found["n"]), found.Bytes())
			require.NotContains(t, found, "missing")
			return true, nil
		})
		require.NoError(t, err)
		require.Equal(t, row.n, seen)
	}
}

func TestAReplyOfEachHashEndsWithTheHashThatMakesItLarge(t *testing.T) {
	db := open(t, generous)
	keys := hashes(t, 12, 30_000)
	rows, err := db.someHashes(t.Context(), keys, []string{"value"})
	require.NoError(t, err)
	require.Len(t, rows, 3, "three of 30,000 bytes exceed 64 KiB")
}

func TestEachHashEndsWhenItsCallerHasEnough(t *testing.T) {
	db := open(t, generous)
	broken := errors.New("enough")
	for _, n := range []int{mostFew, 12} {
		keys := hashes(t, n, 10)
		seen := 0
		require.NoError(t, db.EachHash(t.Context(), keys, []string{"n"}, func(i int, _ Fields) (bool, error) {
			seen++
			return i < 1, nil
		}))
		require.Equal(t, 2, seen)
		require.ErrorIs(t, db.EachHash(t.Context(), keys, []string{"n"},
			func(int, Fields) (bool, error) { return true, broken }), broken)
	}
}
