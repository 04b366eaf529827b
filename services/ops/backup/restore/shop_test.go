package restore_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/restore"
	"evergreen/services/ops/backup/source"
	"evergreen/services/ops/backup/target"
	"evergreen/services/ops/redisnode"
)

// startShop starts a shop whose processes are started again when they end.
func startShop(t *testing.T) *stack.Stack {
	t.Helper()
	services := append(stack.RedisAndSentinels(), "api-1", "api-2", "nginx-a")
	return stack.StartT(t, stack.Options{Services: services, Supervise: true, Settings: stack.WithHighQuotas(nil)})
}

func login(s *stack.Stack) redisnode.Login {
	return redisnode.Login{User: s.Setting("REDIS_ADMIN_USER"), Password: s.Setting("REDIS_ADMIN_PASSWORD")}
}

func shopOf(s *stack.Stack) restore.Shop {
	return restore.Shop{Login: login(s), Look: func(ctx context.Context) stack.Report {
		return stack.InspectContainers(ctx, s.Net, 2, s.Settings())
	}}
}

// vault is a target with a chain in it, as the backup service makes it.
type vault struct {
	store  target.Store
	key    *age.X25519Identity
	chain  string
	shop   *source.Capture
	sealer *archive.Sealer
	taken  int64
}

func newVault(t *testing.T) *vault {
	t.Helper()
	store, err := target.Open(t.TempDir(), target.Credentials{})
	require.NoError(t, err)
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	return &vault{store: store, key: key}
}

func (v *vault) backups() restore.Backups {
	return restore.Backups{Stores: []target.Store{v.store}, Identities: []age.Identity{v.key}}
}

// full makes a full backup of a shop.
func (v *vault) full(t *testing.T, s *stack.Stack) {
	t.Helper()
	from := &source.Source{Login: login(s), Owner: "test", Version: "test"}
	for _, name := range []string{"redis-1", "redis-2", "redis-3"} {
		from.Nodes = append(from.Nodes, source.Node{Name: name, Address: s.Process(name).Addr(), Dir: filepath.Join(s.Dir(), name)})
	}
	capture, err := from.Capture(t.Context())
	require.NoError(t, err)
	v.shop, v.chain = capture, archive.NewChain(time.Now())
	manifest, err := os.ReadFile(filepath.Join(capture.Node.Dir, "data", "appendonlydir", archive.ManifestName))
	require.NoError(t, err)
	pieces := []archive.Piece{{File: archive.ManifestName, Length: int64(len(manifest))}}
	for _, file := range capture.Files {
		v.taken = 0
		for at := int64(0); at == 0 || at < file.Bytes; at += archive.MaxDataBytes {
			pieces = append(pieces, archive.Piece{File: file.Name, Offset: at, Length: min(archive.MaxDataBytes, file.Bytes-at)})
		}
		v.taken = file.Bytes
	}
	v.sealer = archive.NewSealer(v.chain, len(pieces), []age.Recipient{v.key.Recipient()})
	full := archive.Full{Format: archive.Format, Chain: v.chain, Segments: len(pieces), State: capture.State}
	for _, piece := range pieces {
		if piece.File == archive.ManifestName {
			v.put(t, piece, capture.State, bytes.NewReader(manifest))
			continue
		}
		v.put(t, piece, capture.State, v.open(t, piece))
	}
	require.NoError(t, archive.PutFull(t.Context(), v.store, full))
}

func (v *vault) open(t *testing.T, piece archive.Piece) io.Reader {
	t.Helper()
	file, err := v.shop.Open(piece.File)
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return io.NewSectionReader(file, piece.Offset, piece.Length)
}

func (v *vault) put(t *testing.T, piece archive.Piece, state archive.State, data io.Reader) {
	t.Helper()
	var sealed bytes.Buffer
	sidecar, err := v.sealer.Seal(&sealed, piece, state, data)
	require.NoError(t, err)
	require.NoError(t, archive.PutSegment(t.Context(), v.store, sidecar, &sealed))
	require.NoError(t, archive.PutSidecar(t.Context(), v.store, sidecar))
}

// ship adds what the shop has written since.
func (v *vault) ship(t *testing.T) {
	t.Helper()
	growth, err := v.shop.Grown(t.Context())
	require.NoError(t, err)
	require.NoError(t, growth.Ended)
	piece := archive.Piece{File: v.shop.Files[len(v.shop.Files)-1].Name, Offset: v.taken, Length: growth.Bytes - v.taken}
	v.put(t, piece, growth.State, v.open(t, piece))
	v.taken = growth.Bytes
	v.shop.Took(growth.State)
}

// restorer restores s without asking.
func restorer(t *testing.T, s *stack.Stack, v *vault) restore.Restorer {
	t.Helper()
	return restore.Restorer{Shop: shopOf(s), Backups: v.backups(), Dir: filepath.Join(s.Dir(), "restore"),
		Say: func(format string, a ...any) { t.Logf(format, a...) },
		Ask: func(plan string) error { t.Log(plan); return nil },
	}
}

// restored waits until the API works on the new data.
func restored(t *testing.T, s *stack.Stack) {
	t.Helper()
	require.NoError(t, restore.AwaitAPI(t.Context(), shopOf(s), func(string) {}))
	require.NoError(t, s.AwaitHealthy(t.Context()))
}

// bought is a purchase that a client knows of.
type bought struct {
	id, product string
	pieces      int64
	// began is when it was asked for, told when it was acknowledged.
	began, told time.Time
}

// buyers buy all the time.
type buyers struct {
	mu     sync.Mutex
	all    []bought
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// buy starts some buyers of products.
func buy(t *testing.T, c *shoptest.Client, products []string) *buyers {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	b := &buyers{cancel: cancel}
	t.Cleanup(b.stop)
	for n := range 4 {
		b.done.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				one := bought{product: products[(n+i)%len(products)], pieces: int64(1 + i%3), began: time.Now()}
				answer, err := c.Try(ctx, "POST", "/v1/purchases", shoptest.Order(one.product, one.pieces))
				if err != nil || answer.Status != http.StatusCreated {
					continue
				}
				one.told = time.Now()
				var made struct{ ID string }
				answer.Into(t, &made)
				one.id = made.ID
				b.mu.Lock()
				b.all = append(b.all, one)
				b.mu.Unlock()
			}
		})
	}
	return b
}

func (b *buyers) stop() {
	b.cancel()
	b.done.Wait()
}

func (b *buyers) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all)
}

// awaitMore waits until 30 more are bought.
func (b *buyers) awaitMore(t *testing.T) {
	t.Helper()
	wanted := b.count() + 30
	require.Eventually(t, func() bool { return b.count() >= wanted }, time.Minute, 5*time.Millisecond)
}

// requireKept holds that every purchase acknowledged before a moment is there once, and, if only is set, none that was asked
// for after it; and that each product's ledger says what its purchases say.
func (b *buyers) requireKept(t *testing.T, admin *shoptest.Client, before time.Time, only bool) (kept int) {
	t.Helper()
	there := map[string]int{}
	pieces := map[string]int64{}
	for _, p := range shoptest.Purchases(t, admin, "/v1/purchases?limit=100") {
		there[p.ID]++
		for _, item := range p.Items {
			pieces[item.ProductID] += item.Quantity
		}
	}
	for _, one := range b.all {
		if one.told.Before(before) {
			kept++
			require.Equal(t, 1, there[one.id], "a purchase that was acknowledged %v before the moment", before.Sub(one.told))
		}
		if only && one.began.After(before) {
			require.Zero(t, there[one.id], "a purchase that was asked for %v after the moment", one.began.Sub(before))
		}
	}
	for product, sold := range pieces {
		require.Equal(t, sold, shoptest.LedgerOf(t, admin, product).Sold, "pieces that were sold of %s", product)
	}
	return kept
}
