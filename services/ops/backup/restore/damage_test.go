package restore_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/restore"
)

func TestABackupWithADamagedIncrementIsRestoredUpToTheDamageIfThatIsWanted(t *testing.T) {
	v := newVault(t)
	s := startShop(t)
	admin := shoptest.Admin(t, s)
	product := shoptest.Product(t, admin, 100)
	buy := func() string {
		return admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1)).Text(t, "id")
	}
	inFull := buy()
	v.full(t, s)
	inIncrement := buy()
	v.ship(t)
	increments, err := filepath.Glob(filepath.Join(v.store.Name(), v.chain, "*.seg.age"))
	require.NoError(t, err)
	newest := increments[len(increments)-1]
	bytes, err := os.ReadFile(newest)
	require.NoError(t, err)
	bytes[len(bytes)/2] ^= 1
	require.NoError(t, os.WriteFile(newest, bytes, 0o600))

	_, err = restorer(t, s, v).Restore(t.Context(), restore.Wanted{})
	require.ErrorIs(t, err, archive.ErrDamaged)
	admin.Current().Want(t, http.StatusOK, "GET", "/v1/purchases/"+inIncrement, nil)

	_, err = restorer(t, s, v).Restore(t.Context(), restore.Wanted{Force: true})
	require.NoError(t, err)
	restored(t, s)
	admin.Current().Want(t, http.StatusOK, "GET", "/v1/purchases/"+inFull, nil)
	admin.Current().Want(t, http.StatusNotFound, "GET", "/v1/purchases/"+inIncrement, nil)
}
