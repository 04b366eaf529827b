package faults_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

func TestAPlannedHandoverIsNotNoticedByClients(t *testing.T) {
	shop, admin := whole(t)
	for range rounds(5) {
		old, _ := roles(t, shop)
		load := startTraffic(t, shop, admin)
		load.awaitMore(t, perSecond)
		began := time.Now()
		require.NoError(t, handover(t, shop))
		t.Logf("the handover took %v", time.Since(began).Round(time.Millisecond))
		load.awaitMore(t, perSecond)
		results := load.end(t)

		now, _ := roles(t, shop)
		require.NotEqual(t, old.Name(), now.Name())
		gap := longestGap(filter(results, isWrite))
		t.Logf("from %s to %s: for %v no write was acknowledged", old.Name(), now.Name(), gap.Round(time.Millisecond))
		require.Less(t, gap, 3*time.Second)
		requireAllRight(t, results)
		load.requireEachOnce(t, results)
		load.requireReplays(t, results)
		load.requireEachOnce(t, results)
	}
}

func TestAHandoverIsRefusedUnlessEverythingIsWell(t *testing.T) {
	shop, _ := whole(t)
	primary, replicas := roles(t, shop)
	for name, broken := range map[string]*stack.Process{"a replica is down": replicas[0], "a Sentinel is down": shop.Process("sentinel-2")} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, broken.Kill())
			require.ErrorContains(t, handover(t, shop), "refused, and nothing was changed")
			now, _ := roles(t, shop)
			require.Equal(t, primary.Name(), now.Name())
			require.NoError(t, broken.Restart(t.Context()))
		})
	}
}

func TestAHandoverThatIsGivenUpLetsTheWritesGo(t *testing.T) {
	shop, admin := whole(t)
	primary, replicas := roles(t, shop)
	interrupted, interrupt := context.WithCancel(t.Context())
	for name, row := range map[string]struct {
		ctx    context.Context
		happen func() error
	}{
		"somebody interrupts it": {interrupted, func() error { interrupt(); return nil }},
		"a replica stands still": {t.Context(), replicas[0].Pause},
	} {
		t.Run(name, func(t *testing.T) {
			load := startTraffic(t, shop, admin)
			load.awaitMore(t, perSecond)
			err := shop.Handover(row.ctx, func(said string, _ ...any) {
				if said == "writes are held" {
					require.NoError(t, row.happen())
				}
			})
			require.ErrorContains(t, err, "given up before the failover, nothing was changed")
			require.NoError(t, replicas[0].Resume())
			load.awaitMore(t, perSecond)

			results := load.end(t)
			now, _ := roles(t, shop)
			require.Equal(t, primary.Name(), now.Name())
			requireAllRight(t, results)
			load.requireEachOnce(t, results)
		})
	}
}

func handover(t *testing.T, s *stack.Stack) error {
	t.Helper()
	began := time.Now()
	return s.Handover(t.Context(), func(format string, a ...any) {
		t.Helper()
		t.Logf("%5.2f s  %s", time.Since(began).Seconds(), fmt.Sprintf(format, a...))
	})
}

// longestGap is the longest time between two answers that came right.
func longestGap(results []result) (longest time.Duration) {
	var last time.Time
	right := filter(results, result.right)
	slices.SortFunc(right, func(a, b result) int { return a.done.Compare(b.done) })
	for _, r := range right {
		if !last.IsZero() {
			longest = max(longest, r.done.Sub(last))
		}
		last = r.done
	}
	return longest
}
