package boot_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSentinelsThatLostTheirVolumesLearnAgainFromWhoeverRemembers(t *testing.T) {
	t.Parallel()
	t.Run("after a failover, so that what the shipped file says is wrong", func(t *testing.T) {
		t.Parallel()
		c := start(t)
		primary := c.failOver(t)
		c.requireLearnedAgain(t, primary, "one, while all else goes on", []string{"sentinel-2"}, nil)
		c.requireLearnedAgain(t, primary, "one, with everything down", []string{"sentinel-1"}, nodes())
		c.requireLearnedAgain(t, primary, "two, while all else goes on", []string{"sentinel-1", "sentinel-3"}, nil)
		c.requireLearnedAgain(t, primary, "two, with everything down: the third tells them", []string{"sentinel-2", "sentinel-3"}, nodes())
	})
	t.Run("before any", func(t *testing.T) {
		t.Parallel()
		c := start(t)
		c.requireLearnedAgain(t, "redis-1", "one, with everything down", []string{"sentinel-1"}, nodes())
		c.requireLearnedAgain(t, "redis-1", "two, while all else goes on: the primary tells them", []string{"sentinel-1", "sentinel-3"}, nil)
	})
}

// requireLearnedAgain takes the volumes of some Sentinels, with all Sentinels and
// these nodes down if any are named, and demands that nothing else changes.
func (c *cluster) requireLearnedAgain(t *testing.T, primary, name string, lost, downToo []string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		load := c.startWriters(t, primary)
		load.awaitAcked(t, 20)
		down := lost
		if downToo != nil {
			down = slices.Concat(sentinels(), downToo)
		}
		c.kill(t, down...)
		c.lose(t, lost...)
		c.launch(t, down...)
		require.Equal(t, primary, c.wholeSoon(t))
		load.end()
		require.Zero(t, load.lost(t, c, primary))
	})
}

// failOver kills the primary, starts it again as a replica, and gives the new one.
func (c *cluster) failOver(t *testing.T) (primary string) {
	t.Helper()
	old := c.whole(t)
	c.kill(t, old)
	_, err := c.AwaitPrimary(t.Context(), func(name string) bool { return name != old })
	require.NoError(t, err)
	c.launch(t, old)
	primary = c.whole(t)
	require.NotEqual(t, old, primary)
	return primary
}
