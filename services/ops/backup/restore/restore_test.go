package restore_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/ops/backup/aof"
	"evergreen/services/ops/backup/restore"
)

// A shop is lost with all its files, and restored on another host: to the last shipment, to a moment, and back again.
func TestALostShopIsRestoredElsewhereToTheLastShipmentAndToAMoment(t *testing.T) {
	v := newVault(t)
	lost := startShop(t)
	admin := shoptest.Admin(t, lost)
	products := []string{shoptest.Product(t, admin, 1_000_000), shoptest.Product(t, admin, 1_000_000)}
	load := buy(t, admin, products)
	load.awaitMore(t)
	v.full(t, lost)
	load.awaitMore(t)
	moment := time.Now().Truncate(time.Millisecond)
	load.awaitMore(t)
	shipped := time.Now()
	v.ship(t)
	load.awaitMore(t)
	load.stop()
	require.NoError(t, lost.Stop(t.Context()), "and with it its files go")

	found := startShop(t)
	empty := *v
	empty.full(t, found) // the new host's service makes backups, too
	r := restorer(t, found, v)
	result, err := r.Restore(t.Context(), restore.Wanted{})
	require.NoError(t, err)
	require.Zero(t, result.Lost)
	restored(t, found)
	admin = shoptest.Admin(t, found) // with the password of this host
	t.Logf("%d purchases were acknowledged before the shipment, of %d", load.requireKept(t, admin, shipped, false), load.count())

	// It sells, and to a moment it goes back.
	later := admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(products[0], 5)).Text(t, "id")
	result, err = r.Restore(t.Context(), restore.Wanted{At: moment})
	require.NoError(t, err)
	restored(t, found)
	admin = shoptest.Admin(t, found)
	kept := load.requireKept(t, admin, moment, true)
	require.Greater(t, kept, 50)
	admin.Refused(t, http.StatusNotFound, "no-purchase", "GET", "/v1/purchases/"+later, nil)
	require.Contains(t, listed(t, result.LostFile), later, "what is lost is listed")
	require.EqualValues(t, len(listed(t, result.LostFile)), result.Lost.Purchases+result.Lost.Changes)

	// And the restore is undone.
	_, err = r.Undo(t.Context())
	require.NoError(t, err)
	restored(t, found)
	admin = shoptest.Admin(t, found)
	load.requireKept(t, admin.Current(), shipped, false)
	admin.Want(t, http.StatusOK, "GET", "/v1/purchases/"+later, nil)

	for _, wanted := range []restore.Wanted{
		{At: time.Now()}, {At: moment.Add(-24 * time.Hour)}, {Sequence: result.CommitSeq + 1_000_000}, {Chain: "x"},
	} {
		_, err = r.Restore(t.Context(), wanted)
		require.True(t, errors.Is(err, aof.ErrOutside) || errors.Is(err, restore.ErrNoBackup), "%v", err)
	}
	_, err = r.Restore(t.Context(), restore.Wanted{At: moment.Add(-24 * time.Hour)})
	require.ErrorContains(t, err, "it has the states from "+moment.UTC().Format("2006-01-02T"))
	for _, sequence := range []int64{result.CommitSeq, result.CommitSeq - 7} { // to a commit, and not one more
		var shown strings.Builder
		require.NoError(
			t,
			restore.Show(t.Context(), v.backups(), t.TempDir(), "product:"+products[0], restore.Wanted{Sequence: sequence}, &shown),
		)
		require.Contains(t, shown.String(), fmt.Sprintf(`"commit": %d,`, sequence))
	}
}

// listed are the purchases in a file of lost ones.
func listed(t *testing.T, path string) []string {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	var ids []string
	for _, row := range rows[1:] {
		ids = append(ids, row[0])
	}
	return ids
}

// An admin's mistake is undone, and clients that know the shop of before get no wrong answer.
func TestAnAdminsMistakeIsUndoneAndNoClientGetsAWrongAnswer(t *testing.T) {
	v := newVault(t)
	s := startShop(t)
	admin := shoptest.Admin(t, s)
	customer, _ := shoptest.Customer(t, admin)
	product := shoptest.Product(t, admin, 100)
	path := "/v1/products/" + product
	old := admin.Want(t, http.StatusOK, "GET", path, nil)
	purchase := customer.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 2))
	paid := purchase.Text(t, "id")
	admin.Want(t, http.StatusOK, "POST", "/v1/purchases/"+paid+"/pay", shoptest.Object{"reference": "r"})
	admin.Want(t, http.StatusOK, "POST", "/v1/purchases/"+paid+"/refund", shoptest.Object{
		"items": []shoptest.Object{shoptest.Line(product, 1)}, "external_ref": "back"})
	beat(t, s)
	before := time.Now()
	v.full(t, s)

	mistake := admin.Want(t, http.StatusOK, "PATCH", path, shoptest.Object{"name": "oops", "price": shoptest.Euros(1)})
	admin.Want(t, http.StatusOK, "POST", path+"/stock", shoptest.Object{"delta": -50, "reason": "oops"})
	beat(t, s)
	v.ship(t)
	var shown strings.Builder
	require.NoError(t, restore.Show(t.Context(), v.backups(), t.TempDir(), "product:"+product, restore.Wanted{At: before}, &shown))
	var was struct {
		State  struct{ Name string }
		Ledger map[string]string
	}
	require.NoError(t, json.Unmarshal([]byte(shown.String()), &was))
	require.Equal(t, old.Text(t, "name"), was.State.Name)
	require.Equal(t, "99", was.Ledger["stock"])
	require.NoError(t, restore.Show(t.Context(), v.backups(), t.TempDir(), "product:"+product, restore.Wanted{}, &shown))
	require.Contains(t, shown.String(), "oops")
	shown.Reset()
	require.NoError(t, restore.Show(t.Context(), v.backups(), t.TempDir(), "purchase:"+paid, restore.Wanted{At: before}, &shown))
	require.Contains(t, shown.String(), `"refunded_quantity": 1`)
	require.ErrorIs(t, restore.Show(t.Context(), v.backups(), t.TempDir(), "user:"+paid, restore.Wanted{}, &shown), restore.ErrNoObject)

	r := restorer(t, s, v)
	result, err := r.Restore(t.Context(), restore.Wanted{At: before})
	require.NoError(t, err)
	restored(t, s)
	require.Zero(t, result.Lost)

	// Sessions are as they were: no client signs in again.
	now := admin.Current().Want(t, http.StatusOK, "GET", path, nil)
	require.Equal(t, old.Text(t, "name"), now.Text(t, "name"))
	require.EqualValues(t, 99, shoptest.LedgerOf(t, admin, product).Stock)
	customer.Want(t, http.StatusOK, "GET", "/v1/purchases/"+paid, nil)
	require.Contains(t, string(now.Body), `"version":1000000001`)

	// What clients remember of before leads to no wrong answer.
	foreign := admin.With("Consistency-Token", mistake.Header.Get("Consistency-Token")).Want(t, http.StatusOK, "GET", path, nil)
	require.Equal(t, string(now.Body), string(foreign.Body))
	for _, etag := range []string{old.Header.Get("ETag"), mistake.Header.Get("ETag")} {
		admin.With("If-Match", etag).Refused(t, http.StatusPreconditionFailed, "stale", "PATCH", path, shoptest.Object{"name": "x"})
		admin.With("If-None-Match", etag).Want(t, http.StatusOK, "GET", path, nil)
	}
	admin.With("If-Match", now.Header.Get("ETag")).Want(t, http.StatusOK, "PATCH", path, shoptest.Object{"name": "again"})
	again := admin.Refused(t, http.StatusConflict, "external-ref-used", "POST", "/v1/purchases/"+paid+"/refund", shoptest.Object{
		"items": []shoptest.Object{shoptest.Line(product, 1)}, "external_ref": "back"})
	require.NotNil(t, again)

	// All sessions can be ended with a restore.
	r.EndSessions = true
	_, err = r.Undo(t.Context())
	require.NoError(t, err)
	restored(t, s)
	admin.Refused(t, http.StatusUnauthorized, "no-session", "GET", "/v1/purchases", nil)
	admin = shoptest.Admin(t, s)
	answer := admin.Want(t, http.StatusOK, "GET", path, nil)
	require.Contains(t, string(answer.Body), "oops")
	require.Contains(t, string(answer.Body), `"version":2000000002`, "a version that no history had before")
}

// beat waits until the primary has written another heartbeat.
func beat(t *testing.T, s *stack.Stack) {
	t.Helper()
	read := func() string {
		primary, err := s.Primary(t.Context())
		require.NoError(t, err)
		value, err := s.Redis(t.Context(), primary, "GET", redisdb.KeyHeartbeat())
		require.NoError(t, err)
		return value
	}
	for range 2 { // the second one is surely later than the call
		last := read()
		require.Eventually(t, func() bool { return read() != last }, 10*time.Second, 10*time.Millisecond)
	}
}

func TestARestoreAsksFirstAndASecondOneIsRefused(t *testing.T) {
	v := newVault(t)
	s := startShop(t)
	admin := shoptest.Admin(t, s)
	product := shoptest.Product(t, admin, 100)
	v.full(t, s)
	admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1))
	r := restorer(t, s, v)
	asked := 0
	r.Ask = func(plan string) error {
		asked++
		require.Contains(t, plan, "1 of its purchases will be lost")
		require.Contains(t, plan, "newest purchase            none")
		_, err := restorer(t, s, v).Restore(t.Context(), restore.Wanted{})
		require.ErrorIs(t, err, restore.ErrRunning)
		return restore.Terminal(strings.NewReader("no\n"), &strings.Builder{}, true, false)(plan)
	}
	_, err := r.Restore(t.Context(), restore.Wanted{})
	require.ErrorIs(t, err, restore.ErrRefused)
	require.Equal(t, 1, asked)
	admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1))
	require.EqualValues(t, 2, shoptest.LedgerOf(t, admin, product).Sold, "nothing was restored")
	left, err := filepath.Glob(filepath.Join(r.Dir, "*"))
	require.NoError(t, err)
	require.Empty(t, left)
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	there, err := s.Redis(t.Context(), primary, "EXISTS", redisdb.KeyRestore())
	require.NoError(t, err)
	require.Equal(t, "0", there)
}

func TestWithoutATerminalNothingIsAsked(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, restore.Terminal(strings.NewReader(""), &strings.Builder{}, false, false)("plan"), restore.ErrNotAsked)
	require.NoError(t, restore.Terminal(strings.NewReader(""), &strings.Builder{}, false, true)("plan"))
	require.NoError(t, restore.Terminal(strings.NewReader("yes\n"), &strings.Builder{}, true, false)("plan"))
	for _, answer := range []string{"", "\n", "y\n", "YES\n", "no\n"} {
		require.ErrorIs(t, restore.Terminal(strings.NewReader(answer), &strings.Builder{}, true, false)("plan"), restore.ErrRefused)
	}
}
