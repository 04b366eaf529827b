//go:build containers

package containers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheBackupServiceMakesVerifiedBackupsOfTheShopInContainers(t *testing.T) {
	s := whole(t)
	service := s.Service("backup")
	require.Eventually(t, func() bool {
		listed, err := service.Exec(t.Context(), "/backup", "list")
		return err == nil && strings.Contains(listed, "│ verified")
	}, 2*time.Minute, time.Second, "the first one is made by itself")
	said, err := service.Exec(t.Context(), "/backup", "now")
	require.NoError(t, err, said)
	require.Contains(t, said, "verified: ")
	for _, node := range []string{"redis-1", "redis-2", "redis-3"} {
		found, err := s.Service(node).Exec(t.Context(), "sh", "-c", "ls /data/data")
		require.NoError(t, err)
		require.NotContains(t, found, "backup")
	}
}
