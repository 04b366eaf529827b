package disasters_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/target"
)

// vault is what survives the host: targets, and the file with the private key.
type vault struct {
	t       *testing.T
	targets []string
	public  string
	keyFile string
}

func newVault(t *testing.T, targets int) *vault {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	v := &vault{t: t, public: key.Recipient().String(), keyFile: filepath.Join(t.TempDir(), "evergreen-backup.key")}
	require.NoError(t, os.WriteFile(v.keyFile, []byte(key.String()+"\n"), 0o600))
	for range targets {
		v.targets = append(v.targets, t.TempDir())
	}
	return v
}

// options are those of a shop that makes backups and ships every second.
func (v *vault) options() stack.Options {
	services := slices.DeleteFunc(stack.Everything(), func(name string) bool { return name == "prometheus" })
	return stack.Options{Services: append(services, stack.BackupName), Settings: map[string]string{
		"BACKUP_TARGETS": strings.Join(v.targets, ","), "BACKUP_PUBLIC_KEYS": v.public, "BACKUP_SHIP_EVERY": "1s",
		"ADMIN_EMAIL": "admin@evergreen.example",
	}}
}

// reaches is the number of the last commit that one target can give back.
func (v *vault) reaches(address string) (commit int64) {
	v.t.Helper()
	store, err := target.Open(address, target.Credentials{})
	require.NoError(v.t, err)
	chains, err := archive.List(v.t.Context(), store)
	if err != nil {
		return 0
	}
	for _, chain := range chains {
		if chain.Complete() && chain.Verified != nil {
			commit = max(commit, chain.Last.Sequence)
		}
	}
	return commit
}

// awaitShipped waits until a target has all that the shop has written by now, in a verified backup.
func (v *vault) awaitShipped(s *shop, address string) {
	v.t.Helper()
	now := int64(s.commits(s.primary()))
	s.await("the backup reaches the shop", func() bool { return v.reaches(address) >= now })
}

// goods are products, each with a purchase of one piece, whose ids are known.
type goods struct{ products, purchases []string }

// buy makes n products and buys one piece of each.
func (g *goods) buy(t *testing.T, admin *shoptest.Client, n int) {
	t.Helper()
	for range n {
		product := shoptest.Product(t, admin, 10)
		var made shoptest.Purchase
		admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1)).Into(t, &made)
		g.products, g.purchases = append(g.products, product), append(g.purchases, made.ID)
	}
}

// requireThere demands that the shop has all purchases, each once, and that the stock agrees.
func (g *goods) requireThere(t *testing.T, admin *shoptest.Client) {
	t.Helper()
	for i, id := range g.purchases {
		admin.Current().Want(t, http.StatusOK, "GET", "/v1/purchases/"+id, nil)
		require.Equal(t, int64(1), shoptest.LedgerOf(t, admin, g.products[i]).Sold)
	}
}

// requireGone demands that the shop has lost these purchases and no trace of their products is left.
func (g *goods) requireGone(t *testing.T, admin *shoptest.Client) {
	t.Helper()
	for i, id := range g.purchases {
		admin.Current().Want(t, http.StatusNotFound, "GET", "/v1/purchases/"+id, nil)
		admin.Current().Want(t, http.StatusNotFound, "GET", "/v1/products/"+g.products[i], nil)
	}
}

// enough answers in a row come from both replicas of the API.
const enough = 10

// admin waits until every replica of the API answers, which is a moment after a restore, and logs in.
func (s *shop) admin() *shoptest.Client {
	s.t.Helper()
	row := 0
	s.await("the shop answers", func() bool {
		answer, err := shoptest.New(s.URL()).NewConnections().Try(s.t.Context(), "GET", "/v1/products?limit=1", nil)
		if row++; err != nil || answer.Status != http.StatusOK {
			row = 0
		}
		return row == enough
	})
	return shoptest.Admin(s.t, s.Stack)
}
