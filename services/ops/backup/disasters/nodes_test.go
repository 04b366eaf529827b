package disasters_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

func TestTheVolumeOfOneNodeIsLostWhileItRunsAndNoRequestFails(t *testing.T) {
	s := open(t, stack.Options{})
	for _, role := range []string{"replica", "primary"} {
		t.Run(role, func(t *testing.T) {
			s.t = t
			lost := s.replicas()[0]
			if role == "primary" {
				lost = s.primary()
			}
			load := s.startTraffic()
			require.NoError(t, os.RemoveAll(s.volume(lost)))
			load.goesOn()

			book := s.page("one-redis-volume.md")
			require.Contains(t, book.run("How to see it", choices{"node": lost}), lost+" has lost its files")
			before := s.commits(lost)
			book.run("What to do", choices{"node": lost})
			s.awaitWhole()
			book.run("How to know that it is over", choices{"node": lost})
			load.endWithoutFailure()
			require.Greater(t, s.commits(lost), before)
			require.FileExists(t, s.volume(lost, "data/appendonlydir/appendonly.aof.manifest"))
		})
	}
}

func TestAllSentinelsLoseTheirVolumesWhileTheShopSellsAndAreToldWhoIsPrimary(t *testing.T) {
	s := open(t, stack.Options{})
	load := s.startTraffic()
	primary := s.handOver()
	require.NotEqual(t, "redis-1", primary, "the shipped file names redis-1")
	for _, name := range sentinels() {
		require.NoError(t, os.RemoveAll(s.volume(name)))
		require.NoError(t, os.Mkdir(s.volume(name), 0o700))
		require.NoError(t, s.Process(name).Kill())
	}
	book := s.page("all-sentinel-volumes.md")
	s.await("the new Sentinels name the first node", func() bool {
		said, err := book.try("How to see it", nil)
		return err == nil && strings.Count(said, "redis-1") == len(sentinels())
	})
	require.Contains(t, book.run("What to do", nil), primary)
	s.awaitWhole()
	book.run("How to know that it is over", nil)
	load.end()
	require.Equal(t, primary, s.primary())

	for _, name := range sentinels() {
		said, err := s.Redis(t.Context(), name, "SENTINEL", "CKQUORUM", s.Setting("REDIS_MASTER_NAME"))
		require.NoError(t, err)
		require.Contains(t, said, "OK 3 usable Sentinels", "the Sentinels can promote another node again")
	}
}
