package backup_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// The load: so many purchases a second, each at its time, whether the one before is answered or not.
const (
	purchasesPerSecond = 150
	loadedFor          = 4 * time.Second
	rounds             = 4
	seededFor          = 6 * time.Second
)

// TestAFullBackupAndItsVerificationLeavePurchasesFastAndCauseNoFailover compares purchases while the service makes one full
// backup after the other, each of them verified, with purchases while it is down. Both take turns.
func TestAFullBackupAndItsVerificationLeavePurchasesFastAndCauseNoFailover(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	address := t.TempDir()
	settings := stack.WithHighQuotas(map[string]string{
		"BACKUP_TARGETS": address, "BACKUP_PUBLIC_KEYS": key.Recipient().String(), "BACKUP_EVERY": "1s", "BACKUP_SHIP_EVERY": "500ms",
		"BACKUP_KEEP": "3", "BACKUP_KEEP_DAYS": "0", "RATE_USER_PER_SECOND": "10000", "RATE_EDGE_PER_SECOND": "20000",
	})
	services := append(stack.RedisAndSentinels(), "api-1", "api-2", "nginx-a", "nginx-b", stack.BackupName)
	s := stack.StartT(t, stack.Options{Services: services, Settings: settings})
	service := s.Process(stack.BackupName)
	require.NoError(t, service.Terminate(t.Context()))
	admin := shoptest.Admin(t, s)
	l := load{product: shoptest.Product(t, admin, 10_000_000), customers: shoptest.Customers(t, admin, 16)}
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	l.seed(t)

	var quiet, busy []time.Duration // the p99 of each round
	verified := 0
	for range rounds {
		quiet = append(quiet, l.p99(t))
		require.NoError(t, service.Restart(t.Context()))
		busy = append(busy, l.p99(t))
		verified += int(scrape(t, service)["shop_backup_chains_total"])
		require.Zero(t, scrape(t, service)["shop_backup_verification_failures_total"])
		require.Positive(t, scrape(t, service)["shop_backup_last_verified_seconds"])
		require.NoError(t, service.Terminate(t.Context()))
	}
	info, err := os.Stat(newestBase(t, s))
	require.NoError(t, err)
	t.Logf("p99 of the rounds: quiet %v, with backups %v; %d full backups of %d purchases, the largest file has %d MiB",
		quiet, busy, verified, l.made, info.Size()>>20)
	require.Greater(t, verified, rounds)
	// A round is compared with the one before it, since other work on the machine lasts for longer than two rounds.
	ratios := make([]float64, rounds)
	for i := range ratios {
		ratios[i] = float64(busy[i]) / float64(quiet[i])
	}
	slices.Sort(ratios)
	require.Less(t, (ratios[(rounds-1)/2]+ratios[rounds/2])/2, 2.0, "the median of %v", ratios)
	now, err := s.Primary(t.Context())
	require.NoError(t, err)
	require.Equal(t, primary, now)
	for _, sentinel := range []string{"sentinel-1", "sentinel-2", "sentinel-3"} {
		epoch, err := s.Redis(t.Context(), sentinel, "SENTINEL", "MASTERS")
		require.NoError(t, err)
		require.Contains(t, epoch, "config-epoch\n0\n", "no failover was ever begun")
	}
}

// load buys.
type load struct {
	product   string
	customers []*shoptest.Client
	made      int
}

// seed fills the shop as fast as it goes.
func (l *load) seed(t *testing.T) {
	t.Helper()
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(t.Context())
	end := time.Now().Add(seededFor)
	for _, customer := range l.customers {
		group.Go(func() error {
			for time.Now().Before(end) {
				if err := l.buy(ctx, customer); err != nil {
					return err
				}
				mu.Lock()
				l.made++
				mu.Unlock()
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
}

func (l *load) buy(ctx context.Context, customer *shoptest.Client) error {
	_, err := customer.Expect(ctx, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(l.product, 1))
	return err
}

// p99 buys in an open loop. A purchase takes from the moment at which it is due.
func (l *load) p99(t *testing.T) time.Duration {
	t.Helper()
	took := make([]time.Duration, int(loadedFor/time.Second)*purchasesPerSecond)
	group, ctx := errgroup.WithContext(t.Context())
	began := time.Now()
	for i := range took {
		due := began.Add(time.Duration(i+1) * time.Second / purchasesPerSecond)
		<-time.After(time.Until(due))
		group.Go(func() error {
			err := l.buy(ctx, l.customers[i%len(l.customers)])
			took[i] = time.Since(due)
			return err
		})
	}
	require.NoError(t, group.Wait())
	l.made += len(took)
	slices.Sort(took)
	return took[len(took)*99/100]
}

// newestBase is the largest of the append-only files.
func newestBase(t *testing.T, s *stack.Stack) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir(), "redis-*", "data", "appendonlydir", "*.aof"))
	require.NoError(t, err)
	return slices.MaxFunc(files, func(a, b string) int {
		one, errA := os.Stat(a)
		two, errB := os.Stat(b)
		require.NoError(t, errors.Join(errA, errB))
		return cmp.Compare(one.Size(), two.Size())
	})
}
