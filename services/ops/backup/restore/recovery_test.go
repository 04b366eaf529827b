package restore_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/ops/backup"
	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/restore"
	"evergreen/services/ops/backup/source"
)

// figures are what one loss of a shop has cost.
type figures struct {
	objects int
	// mib is the size of the full backup in the target, full how long it took until it was verified.
	mib  float64
	full time.Duration
	// lost is the time between the last purchase that is kept and the end of the shop, and purchases how many are lost.
	lost      time.Duration
	purchases int
	// start is how long an empty shop takes to start, ready until the shop is closed for the restore, and closed until the
	// restored shop can sell.
	start, ready, closed time.Duration
}

func (f figures) row() string {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
	return fmt.Sprintf("| %s | %.1f MiB | %s | %s, %d purchases | %s | %s | %s | %s |", thousands(f.objects), f.mib, seconds(f.full),
		seconds(f.lost), f.purchases, seconds(f.start), seconds(f.ready), seconds(f.closed), seconds(f.start+f.ready+f.closed))
}

func thousands(n int) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// TestRecoveryIsMeasured loses shops of several sizes under load, restores them elsewhere, and says what was lost and how long it
// took. RECOVERY is a list of sizes, in products, with as many purchases; RECOVERY_PAGE is a page whose table is written anew.
func TestRecoveryIsMeasured(t *testing.T) {
	sizes := os.Getenv("RECOVERY")
	if sizes == "" {
		t.Skip("make recovery measures it")
	}
	var rows []string
	for size := range strings.FieldsSeq(sizes) {
		var n int
		_, err := fmt.Sscan(size, &n)
		require.NoError(t, err)
		rows = append(rows, lose(t, n).row())
		t.Log(rows[len(rows)-1])
	}
	if page := os.Getenv("RECOVERY_PAGE"); page != "" {
		writeTable(t, page, rows)
	}
}

const tableBegin, tableEnd = "<!-- recovery -->\n", "<!-- /recovery -->\n"

func writeTable(t *testing.T, page string, rows []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), tableBegin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, tableEnd)
	require.True(t, found)
	head := "| products, and as many purchases | full backup | made and verified in | lost (RPO) | empty shop started | prepared | closed | in all (RTO) |\n" +
		"|---|---|---|---|---|---|---|---|\n"
	require.NoError(t, os.WriteFile(page, []byte(before+tableBegin+head+strings.Join(rows, "\n")+"\n"+tableEnd+after), 0o644))
}

func lose(t *testing.T, n int) figures {
	t.Helper()
	f := figures{objects: n}
	v := newVault(t)
	settings := stack.WithHighQuotas(map[string]string{"REDIS_MAXMEMORY": "4gb"})
	services := append(stack.RedisAndSentinels(), "api-1", "api-2", "nginx-a")
	lost := stack.StartT(t, stack.Options{Services: services, Supervise: true, Settings: settings})
	admin := shoptest.Admin(t, lost)
	products := fill(t, admin, n)
	began := time.Now()
	stop := serve(t, lost, v)
	chain := awaitVerified(t, v)
	f.full, f.mib = time.Since(began), float64(chain.Full.Bytes)/(1<<20)
	load := buy(t, admin, products)
	awaitShipments(t, v, 2)
	<-time.After(45 * time.Second) // the next shipment is due after 60 s
	load.stop()
	ended := time.Now()
	require.NoError(t, lost.Stop(t.Context()))
	stop()

	began = time.Now()
	found := stack.StartT(t, stack.Options{Services: services, Supervise: true, Settings: settings})
	f.start = time.Since(began)
	began = time.Now()
	r := restorer(t, found, v)
	closedAt := time.Time{}
	r.Ask = func(string) error { closedAt = time.Now(); return nil }
	_, err := r.Restore(t.Context(), restore.Wanted{})
	require.NoError(t, err)
	restored(t, found)
	f.ready, f.closed = closedAt.Sub(began), time.Since(closedAt)
	kept := map[string]bool{}
	last := load.all[0].told.Add(-time.Second)
	admin = shoptest.Admin(t, found)
	for _, one := range load.all {
		if admin.Do(t, "GET", "/v1/purchases/"+one.id, nil).Status == http.StatusOK {
			kept[one.id], last = true, one.told
			continue
		}
		f.purchases++
	}
	require.NotEmpty(t, kept)
	f.lost = ended.Sub(last)
	require.NoError(t, found.Stop(t.Context()))
	return f
}

// fill makes n products and as many purchases of them, and gives some of the products.
func fill(t *testing.T, admin *shoptest.Client, n int) []string {
	t.Helper()
	ids := make([]string, n)
	var next atomic.Int64
	each := func(do func(ctx context.Context, i int) error) {
		next.Store(-1)
		group, ctx := errgroup.WithContext(t.Context())
		for range 16 {
			group.Go(func() error {
				for i := int(next.Add(1)); i < n; i = int(next.Add(1)) {
					if err := do(ctx, i); err != nil {
						return err
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
	}
	each(func(ctx context.Context, i int) error {
		answer, err := admin.Expect(ctx, http.StatusCreated, "POST", "/v1/products", shoptest.Object{
			"name": fmt.Sprint("Product ", i), "sku": fmt.Sprint("SKU-", i), "category": fmt.Sprint("category ", i%50),
			"description": strings.Repeat("What it is, and what it is for. ", 10), "price": shoptest.Euros(1999), "stock": 1_000_000})
		if err == nil {
			ids[i] = answer.Text(t, "id")
		}
		return err
	})
	each(func(ctx context.Context, i int) error {
		_, err := admin.Expect(ctx, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(ids[i], 1))
		return err
	})
	return ids[:min(n, 20)]
}

// serve runs the backup service as it is shipped: every shipment after 60 s, at 20 MiB/s.
func serve(t *testing.T, s *stack.Stack, v *vault) (stop func()) {
	t.Helper()
	settings := backup.Settings{
		Targets: []string{v.store.Name()}, Recipients: []age.Recipient{v.key.Recipient()}, Every: time.Hour, ShipEvery: time.Minute,
		Keep: 48, KeepDays: 14, BytesPerSecond: 20 << 20, SpoolBytes: 1 << 30, Login: login(s), Dir: t.TempDir(),
	}
	for _, name := range []string{"redis-1", "redis-2", "redis-3"} {
		settings.Nodes = append(
			settings.Nodes,
			source.Node{Name: name, Address: s.Process(name).Addr(), Dir: filepath.Join(s.Dir(), name)},
		)
	}
	service, err := backup.New(settings, "serve", "test", backup.NewMetrics(settings.Targets), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		service.Serve(ctx)
		close(ended)
	}()
	return func() {
		cancel()
		<-ended
		require.NoError(t, service.Close())
	}
}

func awaitVerified(t *testing.T, v *vault) (found archive.Chain) {
	t.Helper()
	require.Eventually(t, func() bool {
		chains, err := archive.List(t.Context(), v.store)
		if err != nil || len(chains) == 0 || chains[len(chains)-1].Verified == nil {
			return false
		}
		found = chains[len(chains)-1]
		return true
	}, 10*time.Minute, 100*time.Millisecond)
	return found
}

// awaitShipments waits for n more segments.
func awaitShipments(t *testing.T, v *vault, n int) {
	t.Helper()
	segments := func() int {
		chains, err := archive.List(t.Context(), v.store)
		require.NoError(t, err)
		return chains[len(chains)-1].Segments
	}
	wanted := segments() + n
	require.Eventually(t, func() bool { return segments() >= wanted }, 10*time.Minute, 100*time.Millisecond)
}
