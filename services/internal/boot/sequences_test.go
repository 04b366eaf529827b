package boot_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

func TestAFirstRunEndsWithTheFirstNodeAsPrimaryWhateverStartsFirst(t *testing.T) {
	t.Parallel()
	orders := map[string][]string{
		"Sentinels first": slices.Concat(sentinels(), nodes()),
		"Redis first":     slices.Concat(nodes(), sentinels()),
		"the primary and a Sentinel last": {
			"sentinel-1", "redis-2", "sentinel-2", "redis-3", "redis-1", "sentinel-3",
		},
	}
	for name, order := range orders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := stack.New(t.Context(), stack.Options{Services: stack.RedisAndSentinels()})
			require.NoError(t, err)
			s.StopT(t)
			c := &cluster{Stack: s, watch: watchPrimaries(t, s), seen: map[string]int{}}
			for i, name := range order {
				require.NoError(t, s.Process(name).Launch())
				if i == len(order)/2 {
					// Whoever is up by now has asked in vain for longer than one round.
					<-time.After(time.Second)
				}
			}
			c.fill(t)
			require.Equal(t, "redis-1", c.wholeSoon(t))
		})
	}
}

func TestAnyNodeThatIsKilledAndStartedComesBackAndNothingIsLost(t *testing.T) {
	t.Parallel()
	c := start(t)
	for _, name := range slices.Concat(sentinels(), others("redis-1"), []string{"redis-1"}) {
		t.Run(name, func(t *testing.T) {
			load := c.startWriters(t, c.whole(t))
			load.awaitAcked(t, 5)
			c.kill(t, name)
			c.launch(t, name)
			primary := c.whole(t)
			load.end()
			require.Zero(t, load.lost(t, c, primary))
		})
	}
}

func TestThePromotedNodeRestartsWhileTheOldPrimaryIsGone(t *testing.T) {
	t.Parallel()
	for name, thirdIsPromoted := range map[string]bool{
		"within down-after":                    false,
		"after the other was promoted in turn": true,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			c.kill(t, "redis-1")
			promoted, err := c.AwaitPrimary(t.Context(), func(name string) bool { return name != "redis-1" })
			require.NoError(t, err)
			load := c.startWriters(t, promoted)
			load.awaitAcked(t, 20)
			c.kill(t, promoted)
			if thirdIsPromoted {
				_, err := c.AwaitPrimary(t.Context(), func(name string) bool { return name != promoted })
				require.NoError(t, err)
			}
			c.launch(t, promoted)
			primary := c.whole(t)
			load.end()
			require.NotEqual(t, "redis-1", primary)
			require.Zero(t, load.lost(t, c, primary))

			// On a slow machine Sentinel may replace the promoted node once more, late;
			// whoever is primary then, the old one follows and has everything.
			c.launch(t, "redis-1")
			require.NotEqual(t, "redis-1", c.whole(t), "the old primary follows")
			require.Zero(t, load.lost(t, c, "redis-1"))
		})
	}
}

// A Sentinel that has promoted a node and is pointing the other one at it stays in
// the middle of that failover until the promoted node is up. So that node, which the
// Sentinels name, must not wait for its end.
//
// The Sentinel gives such a failover up after 3 s if it has not noticed by then that
// the promoted node is down, which takes it 2 to 3 s: then nothing is stuck, and the
// same is done once more.
func TestAllNodesDieBeforeTheFailoverThatHasPromotedOneIsOver(t *testing.T) {
	t.Parallel()
	c := start(t)
	stuck := false
	for try := 0; try < 5 && !stuck; try++ {
		primary := c.whole(t)
		load := c.startWriters(t, primary)
		load.awaitAcked(t, 20)
		c.kill(t, primary)
		promoter, promoted := c.awaitPromotion(t)
		// The third node must not be known to be down before the promoted one is: it
		// would not be waited for.
		third := others(primary, promoted)[0]
		require.NoError(t, c.Process(third).Pause())
		c.kill(t, promoted)
		load.end()
		await(t, "the promoted node is known to be down, or the failover is over", func() bool {
			return c.seesDown(t, promoter, promoted) || c.promoted(t, promoter) == ""
		})
		c.kill(t, third)
		await(t, "the third one is known to be down", func() bool {
			return c.seesDown(t, promoter, third)
		})
		stuck = c.promoted(t, promoter) == promoted
		c.launch(t, nodes()...)
		require.Equal(t, promoted, c.whole(t))
		require.Zero(t, load.lost(t, c, promoted))
	}
	require.True(t, stuck, "each time the failover was over before")
}

func TestAnEmptyPrimaryThatComesBackWithinDownAfterMayNotBePrimary(t *testing.T) {
	t.Parallel()
	c := start(t)
	load := c.startWriters(t, "redis-1")
	load.awaitAcked(t, 20)
	c.kill(t, "redis-1")
	c.lose(t, "redis-1")
	c.launch(t, "redis-1")
	c.awaitSaid(t, "redis-1", "they name this one, but its data is gone (docs/runbook/redis-waits.md)")
	load.end()

	primary := c.whole(t)
	require.NotEqual(t, "redis-1", primary)
	texttest.NotContains(t, c.said(t, "redis-1"), "start as primary")
	require.Zero(t, load.lost(t, c, primary))
	require.Zero(t, load.lost(t, c, "redis-1"), "it has got everything from the new primary")
}

func TestAnEmptyReplicaGetsEverythingFromThePrimary(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.kill(t, "redis-2", "redis-3")
	c.lose(t, "redis-2", "redis-3")
	c.launch(t, "redis-2", "redis-3")
	require.Equal(t, "redis-1", c.whole(t))
}

func TestWithoutSentinelsNodesWaitAndSayForWhat(t *testing.T) {
	t.Parallel()
	const missing = "I wait for two Sentinels that name one primary (0 of 3 answer"
	t.Run("when they are dead", func(t *testing.T) {
		t.Parallel()
		c := start(t)
		load := c.startWriters(t, "redis-1")
		load.awaitAcked(t, 20)
		c.kill(t, append(sentinels(), "redis-1", "redis-3")...)
		load.end()
		c.launch(t, "redis-1", "redis-3")
		c.awaitSaid(t, "redis-1", missing)
		c.awaitSaid(t, "redis-3", missing)
		c.launch(t, "sentinel-2")
		c.awaitSaid(t, "redis-1", "(1 of 3 answer")
		c.launch(t, "sentinel-1", "sentinel-3")
		require.Zero(t, load.lost(t, c, c.whole(t)))
	})
	t.Run("when they are frozen", func(t *testing.T) {
		t.Parallel()
		c := start(t)
		for _, name := range sentinels() {
			require.NoError(t, c.Process(name).Pause())
		}
		c.kill(t, nodes()...)
		c.launch(t, nodes()...)
		for _, name := range nodes() {
			c.awaitSaid(t, name, missing)
		}
		for _, name := range sentinels() {
			require.NoError(t, c.Process(name).Resume())
		}
		require.Equal(t, "redis-1", c.whole(t))
	})
}
