package backup_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/source"
)

func TestASilentReplicaIsLeftForAnotherOneAndWhatItHadIsShipped(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.buy(5)
	address := t.TempDir()
	settings := s.settings(address)
	settings.ShipEvery = 200 * time.Millisecond
	metrics, _ := s.serve(settings)
	first := awaitChain(t, address, isVerified)
	var followed string
	for _, node := range settings.Nodes {
		if links(t, node) > 0 {
			followed = node.Name
		}
	}
	require.NotEmpty(t, followed)
	s.buy(5)
	before := s.sequence()
	awaitChain(t, address, reaches(before))
	require.NoError(t, s.stack.Process(followed).Pause())
	t.Cleanup(func() { _ = s.stack.Process(followed).Resume() })
	next := awaitChain(t, address, func(chain archive.Chain) bool { return chain.ID > first.ID && isVerified(chain) })
	require.InDelta(t, 1, value(t, metrics, "shop_backup_chains_total", "silent-node"), 0)
	s.buy(5)
	shipped := awaitChain(t, address, reaches(s.sequence()))
	require.Equal(t, next.ID, shipped.ID)
	s.requireRestorable(address, shipped, s.purchases)
	for _, node := range settings.Nodes {
		if node.Name == followed {
			require.Zero(t, links(t, node), "its disk keeps no file for the backup any more")
		}
	}
}

// links counts the links on a node.
func links(t *testing.T, node source.Node) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(node.Dir, "backup", "link-*", "*"))
	require.NoError(t, err)
	return len(found)
}
