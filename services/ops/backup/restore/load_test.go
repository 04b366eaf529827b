package restore_test

import (
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/shoptest"
	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/restore"
	"evergreen/services/ops/backup/scratch"
)

// While clients buy, the shop is restored. Each purchase that was ever acknowledged is in the shop or in the list of those that
// are lost, and none is in both.
func TestEveryPurchaseThatWasAcknowledgedDuringARestoreIsThereOrListed(t *testing.T) {
	require.Empty(t, unaccountedFor(t))
}

// unaccountedFor restores while customers buy, and names the acknowledged purchases that are neither in the shop nor in the
// list of lost ones, or in both.
func unaccountedFor(t *testing.T) (ids []string) {
	t.Helper()
	v := newVault(t)
	s := startShop(t)
	admin := shoptest.Admin(t, s)
	products := []string{shoptest.Product(t, admin, 1_000_000), shoptest.Product(t, admin, 1_000_000)}
	load := buy(t, admin, products)
	load.awaitMore(t)
	v.full(t, s)
	load.awaitMore(t)
	result, err := restorer(t, s, v).Restore(t.Context(), restore.Wanted{})
	require.NoError(t, err)
	restored(t, s)
	load.awaitMore(t)
	load.stop()
	there := map[string]bool{}
	for _, p := range shoptest.Purchases(t, admin, "/v1/purchases?limit=100") {
		there[p.ID] = true
	}
	lost := map[string]bool{}
	for _, id := range listed(t, result.LostFile) {
		lost[id] = true
	}
	require.NotEmpty(t, lost)
	for _, one := range load.all {
		if there[one.id] == lost[one.id] {
			ids = append(ids, one.id)
		}
	}
	for _, product := range products {
		shoptest.LedgerOf(t, admin, product)
	}
	return ids
}

func TestWhatCannotBeRestoredIsRefusedAndNothingIsOverwritten(t *testing.T) {
	v := newVault(t)
	s := startShop(t)
	admin := shoptest.Admin(t, s)
	product := shoptest.Product(t, admin, 100)
	v.full(t, s)
	chain := filepath.Join(v.store.Name(), v.chain)
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	commits := func() string {
		value, err := s.Redis(t.Context(), primary, "GET", redisdb.KeyHistory())
		require.NoError(t, err)
		return value
	}
	history := commits()
	edit := func(name string, change func([]byte) []byte) (back func()) {
		path := filepath.Join(chain, name)
		was, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, change(append([]byte(nil), was...)), 0o600))
		return func() { require.NoError(t, os.WriteFile(path, was, 0o600)) }
	}
	for name, c := range map[string]struct {
		spoil  func(r *restore.Restorer) (back func())
		reason error
	}{
		"a flipped byte": {func(*restore.Restorer) func() {
			return edit("00001.seg.age", func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}, archive.ErrDamaged},
		"a truncated file": {func(*restore.Restorer) func() {
			return edit("00001.seg.age", func(b []byte) []byte { return b[:len(b)-1] })
		}, archive.ErrDamaged},
		"another key": {func(r *restore.Restorer) func() {
			r.Backups.Identities = []age.Identity{other}
			return func() {}
		}, archive.ErrWrongKey},
		"no memory for the scratch server": {func(r *restore.Restorer) func() {
			r.Backups.Limits = scratch.Limits{MemoryBytes: 1}
			return func() {}
		}, scratch.ErrNoRoom},
		"another layout": {func(*restore.Restorer) func() {
			_, err := s.Redis(t.Context(), primary, "SET", redisdb.KeySchema(), "99")
			require.NoError(t, err)
			v.ship(t)
			_, err = s.Redis(t.Context(), primary, "SET", redisdb.KeySchema(), "3")
			require.NoError(t, err)
			return func() { v.ship(t) }
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := restorer(t, s, v)
			r.Ask = func(string) error { t.Error("it asks for what it cannot do"); return restore.ErrRefused }
			back := c.spoil(&r)
			_, err := r.Restore(t.Context(), restore.Wanted{})
			if c.reason != nil {
				require.ErrorIs(t, err, c.reason)
			} else {
				require.ErrorContains(t, err, `the data has layout "99"`)
			}
			back()
			require.Equal(t, history, commits())
			left, err := filepath.Glob(filepath.Join(r.Dir, "*"))
			require.NoError(t, err)
			require.Empty(t, left)
			require.EqualValues(t, 100, shoptest.LedgerOf(t, admin, product).Stock)
		})
	}
	_, err = restorer(t, s, v).Restore(t.Context(), restore.Wanted{})
	require.NoError(t, err, "after all that the backup is good")
	restored(t, s)
}
