//go:build drill

package bench

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// Whether the bars are met is for make bench, on a machine that has nothing else
// to do; here it is whether each way sells at all.
func TestEveryWaySells(t *testing.T) {
	servers := stack.StartT(t, stack.Options{Services: stack.RedisAndSentinels()})
	o := Options{Rounds: 1, Turns: 2, Warm: 20 * time.Millisecond, Last: 200 * time.Millisecond, Callers: 60, Out: io.Discard, Notes: io.Discard}
	found, err := measure(t.Context(), o, servers)
	require.NoError(t, err)
	require.Equal(t, []string{grouped, bare, alone}, found.order)
	for way, rates := range found.rates {
		require.Len(t, rates, 1)
		require.Positive(t, rates[0], way)
	}
}
