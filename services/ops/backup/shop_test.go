package backup_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/ops/backup"
	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/reconcile"
	"evergreen/services/ops/backup/scratch"
	"evergreen/services/ops/backup/source"
	"evergreen/services/ops/backup/target"
	"evergreen/services/ops/redisnode"
)

// shop is a running shop with a product, a customer, and keys for its backups.
type shop struct {
	t         *testing.T
	stack     *stack.Stack
	customer  *shoptest.Client
	product   string
	key       *age.X25519Identity
	purchases []string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	services := append(stack.RedisAndSentinels(), "api-1", "api-2", "nginx-a")
	s := &shop{t: t, stack: stack.StartT(t, stack.Options{Services: services, Settings: stack.WithHighQuotas(nil)})}
	admin := shoptest.Admin(t, s.stack)
	s.product = shoptest.Product(t, admin, 1_000_000)
	s.customer, _ = shoptest.Customer(t, admin)
	var err error
	s.key, err = age.GenerateX25519Identity()
	require.NoError(t, err)
	return s
}

// buy makes some purchases.
func (s *shop) buy(n int) {
	s.t.Helper()
	for range n {
		id := s.customer.Want(s.t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(s.product, 1)).Text(s.t, "id")
		s.purchases = append(s.purchases, id)
	}
}

// settings are those of a service with some targets.
func (s *shop) settings(targets ...string) backup.Settings {
	settings := backup.Settings{
		Targets: targets, Recipients: []age.Recipient{s.key.Recipient()}, Credentials: target.Credentials{AccessKey: "key", SecretKey: "secret"},
		Every: time.Hour, ShipEvery: 300 * time.Millisecond, Keep: 48, KeepDays: 14, BytesPerSecond: 50 << 20, SpoolBytes: 256 << 20,
		Login: redisnode.Login{User: "backup", Password: s.stack.Setting("REDIS_BACKUP_PASSWORD")},
		Dir:   s.t.TempDir(),
	}
	for _, name := range []string{"redis-1", "redis-2", "redis-3"} {
		settings.Nodes = append(settings.Nodes, source.Node{
			Name: name, Address: s.stack.Process(name).Addr(), Dir: filepath.Join(s.stack.Dir(), name),
		})
	}
	return settings
}

// serve runs a service until the test ends or stop is called.
func (s *shop) serve(settings backup.Settings) (metrics *backup.Metrics, stop func()) {
	s.t.Helper()
	metrics = backup.NewMetrics(settings.Targets)
	log := &lines{}
	service, err := backup.New(settings, "serve", "test", metrics, logger(log))
	require.NoError(s.t, err)
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan struct{})
	go func() {
		service.Serve(ctx)
		close(ended)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-ended
		require.NoError(s.t, service.Close())
		if s.t.Failed() {
			s.t.Logf("the service's log:\n%s", log.text())
		}
	})
	s.t.Cleanup(stop)
	return metrics, stop
}

// lines keeps a log.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(text)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// value is a metric's value, the sum over its labels.
func value(t *testing.T, metrics *backup.Metrics, name string, labels ...string) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	require.NoError(t, err)
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			if strings.Contains(metric.String(), strings.Join(labels, " ")) {
				sum += metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// sequence is the shop's commit number now.
func (s *shop) sequence() int64 {
	s.t.Helper()
	primary, err := s.stack.Primary(s.t.Context())
	require.NoError(s.t, err)
	settings := s.settings()
	node, err := redisnode.Dial(s.t.Context(), s.stack.Process(primary).Addr(), settings.Login)
	require.NoError(s.t, err)
	defer node.Close()
	sequence, err := node.Number(s.t.Context(), "evg:commit:seq")
	require.NoError(s.t, err)
	return sequence
}

func open(t *testing.T, address string) target.Store {
	t.Helper()
	store, err := target.Open(address, target.Credentials{AccessKey: "key", SecretKey: "secret"})
	require.NoError(t, err)
	return store
}

func list(t *testing.T, address string) []archive.Chain {
	t.Helper()
	chains, err := archive.List(t.Context(), open(t, address))
	require.NoError(t, err)
	return chains
}

// awaitChain returns the newest chain of a target when it is as wanted.
func awaitChain(t *testing.T, address string, wanted func(archive.Chain) bool) archive.Chain {
	t.Helper()
	var found archive.Chain
	require.Eventually(t, func() bool {
		chains, err := archive.List(t.Context(), open(t, address))
		if err != nil || len(chains) == 0 {
			return false
		}
		found = chains[len(chains)-1]
		return wanted(found)
	}, time.Minute, 100*time.Millisecond)
	return found
}

func isVerified(chain archive.Chain) bool { return chain.Verified != nil }

func reaches(sequence int64) func(archive.Chain) bool {
	return func(chain archive.Chain) bool { return chain.Complete() && chain.Last.Sequence >= sequence }
}

// requireRestorable restores a chain into a scratch server: all adds up, and the purchases are there.
func (s *shop) requireRestorable(address string, chain archive.Chain, purchases []string) {
	s.t.Helper()
	dir := s.t.TempDir()
	_, err := archive.Extract(s.t.Context(), open(s.t, address), chain, []age.Identity{s.key}, dir)
	require.NoError(s.t, err)
	server, err := scratch.Start(s.t.Context(), dir, scratch.Limits{})
	require.NoError(s.t, err)
	defer server.Stop()
	report, err := reconcile.Check(s.t.Context(), server.Node(), reconcile.Expect{CommitSeq: chain.Last.Sequence})
	require.NoError(s.t, err)
	require.NoError(s.t, report.Err())
	for _, id := range purchases {
		found, err := server.Node().Hash(s.t.Context(), "evg:purchase:"+id)
		require.NoError(s.t, err)
		require.NotEmpty(s.t, found, "purchase %s", id)
	}
}

func logger(to *lines) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }
