package backup_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/ops/backup"
	"evergreen/services/ops/backup/archive"
)

func TestAFullBackupIsVerifiedAndWhatIsSoldAfterItIsShipped(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.buy(20)
	address := t.TempDir()
	metrics, stop := s.serve(s.settings(address))
	full := awaitChain(t, address, isVerified)
	require.GreaterOrEqual(t, full.Verified.Sequence, full.Full.Sequence)
	require.EqualValues(t, 20, full.Verified.Counts["purchases"])
	require.InDelta(t, time.Now().Unix(), value(t, metrics, "shop_backup_last_verified_seconds"), 60)
	require.InDelta(t, time.Now().Unix(), value(t, metrics, "shop_backup_last_full_seconds"), 60)
	require.Positive(t, value(t, metrics, "shop_backup_size_bytes"))

	s.buy(30)
	shipped := awaitChain(t, address, reaches(s.sequence()))
	require.Equal(t, full.ID, shipped.ID, "it is the same chain")
	require.Greater(t, shipped.Segments, shipped.Full.Segments)
	s.requireRestorable(address, shipped, s.purchases)
	require.InDelta(t, time.Now().Unix(), value(t, metrics, "shop_backup_last_shipped_seconds"), 60)
	require.Zero(t, value(t, metrics, "shop_backup_no_room"))

	_, err := backup.New(s.settings(address), "serve", "test", metrics, nil)
	require.NoError(t, err, "another directory")
	stop()
	for _, node := range s.settings(address).Nodes {
		left, err := filepath.Glob(filepath.Join(node.Dir, "backup", "*"))
		require.NoError(t, err)
		require.Empty(t, left, "no link is left when the service has ended")
		inData, err := os.ReadDir(filepath.Join(node.Dir, "data"))
		require.NoError(t, err)
		for _, entry := range inData {
			require.Contains(t, []string{"appendonlydir", "dump.rdb"}, entry.Name(), "data/ has what Redis left there")
		}
	}
}

func TestARewriteAPromotionAndAFullCopyEndTheChainAndTheNextBeginsAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.buy(5)
	address := t.TempDir()
	_, _ = s.serve(s.settings(address))
	first := awaitChain(t, address, isVerified)

	for name, event := range map[string]func(){
		"a rewrite": func() {
			for _, node := range []string{"redis-1", "redis-2", "redis-3"} {
				_, err := s.stack.Redis(t.Context(), node, "BGREWRITEAOF")
				require.NoError(t, err)
			}
		},
		"a promotion": func() { require.NoError(t, s.stack.Handover(t.Context(), t.Logf)) },
		"a full copy": func() {
			primary, err := s.stack.Primary(t.Context())
			require.NoError(t, err)
			for _, node := range []string{"redis-1", "redis-2", "redis-3"} {
				if node != primary {
					require.NoError(t, s.stack.Process(node).Restart(t.Context()))
				}
			}
		},
	} {
		s.buy(10)
		before := s.sequence()
		event()
		next := awaitChain(t, address, func(chain archive.Chain) bool { return chain.ID > first.ID && isVerified(chain) })
		s.buy(10)
		shipped := awaitChain(t, address, reaches(s.sequence()))
		s.requireRestorable(address, shipped, s.purchases)
		for _, chain := range list(t, address) {
			if chain.ID == first.ID {
				t.Logf("%s: the chain before reaches commit %d of %d", name, chain.Last.Sequence, before)
				s.requireRestorable(address, chain, nil)
			}
		}
		first = next
	}
}

func TestOneFullBackupCanBeMadeAtAnyTime(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.buy(5)
	one, two := t.TempDir(), filepath.Join(t.TempDir(), "absent")
	settings := s.settings(one, two)
	metrics := backup.NewMetrics(settings.Targets)
	log := &lines{}
	service, err := backup.New(settings, "now", "test", metrics, logger(log))
	require.NoError(t, err)
	_, err = backup.New(settings, "now", "test", metrics, logger(log))
	require.ErrorIs(t, err, backup.ErrRunning)
	id, err := service.Now(t.Context())
	require.ErrorContains(t, err, two, "the target that failed is named")
	require.NoError(t, service.Close())
	chains := list(t, one)
	require.Len(t, chains, 1)
	require.Equal(t, id, chains[0].ID)
	require.NotNil(t, chains[0].Verified, "the other target has a verified backup")
	s.requireRestorable(one, chains[0], s.purchases)
}
