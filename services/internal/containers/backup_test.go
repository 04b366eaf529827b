//go:build containers

package containers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
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

func TestTheOperatorRestoresABackupOverTheShopInContainersAndUndoesIt(t *testing.T) {
	s := whole(t)
	kept := s.sell(t)
	said, err := s.Service("backup").Exec(t.Context(), "/backup", "now")
	require.NoError(t, err, said)
	_, chain, found := strings.Cut(said, "verified: ")
	require.True(t, found, said)
	chain = strings.TrimSpace(chain)
	later := s.sell(t)

	said, err = s.operator(t, "restore", "-from", "/backups", "-chain", chain)
	require.Error(t, err, "without a terminal it asks for -yes: %s", said)
	s.requireSold(t, kept, http.StatusOK)
	s.requireSold(t, later, http.StatusOK)

	said, err = s.operator(t, "restore", "-from", "/backups", "-chain", chain, "-yes")
	require.NoError(t, err, said)
	s.requireSold(t, kept, http.StatusOK)
	s.requireSold(t, later, http.StatusNotFound)
	said, err = s.operator(t, "show", "-from", "/backups", "-chain", chain, "purchase:"+kept.purchase)
	require.NoError(t, err, said)
	require.Contains(t, said, kept.product)

	said, err = s.operator(t, "undo", "-yes")
	require.NoError(t, err, said)
	s.requireSold(t, kept, http.StatusOK)
	s.requireSold(t, later, http.StatusOK)
}

// requireSold holds that the purchase is there, with its piece in the ledger, or that it is not.
func (s *shop) requireSold(t *testing.T, k sale, status int) {
	t.Helper()
	s.admin.Current().Want(t, status, "GET", "/v1/purchases/"+k.purchase, nil)
	if status == http.StatusOK {
		require.EqualValues(t, 1, shoptest.LedgerOf(t, s.admin, k.product).Sold)
	}
}
