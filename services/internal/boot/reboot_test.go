package boot_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// buyers buy one after the other until the host dies under them, and keep what
// they were told that they have bought.
type buyers struct {
	mu   sync.Mutex
	told []string // ids of purchases
}

func (b *buyers) buy(ctx context.Context, who *shoptest.Client, product string) {
	for ctx.Err() == nil {
		answer, err := who.Expect(ctx, http.StatusCreated, "POST", "/v1/purchases",
			shoptest.Object{"items": []shoptest.Object{{"product_id": product, "quantity": 1}}})
		if err != nil {
			return
		}
		b.mu.Lock()
		b.told = append(b.told, answer.Header.Get("Location"))
		b.mu.Unlock()
	}
}

func (b *buyers) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.told)
}

// The supervisor of `make up` stands for the host's: everything is killed at
// once, and everything is started at once.
func TestAHostThatRebootsHasTheWholeShopBackWithEverythingItSold(t *testing.T) {
	t.Parallel()
	s := stack.StartT(t, stack.Options{Supervise: true})
	w := watchPrimaries(t, s)
	w.filled.Store(true)
	admin := shoptest.Admin(t, s)
	product := shoptest.Product(t, admin, 100000)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sold buyers
	var flying sync.WaitGroup
	for range 4 {
		flying.Go(func() { sold.buy(ctx, admin, product) })
	}
	await(t, "50 purchases", func() bool { return sold.count() >= 50 })
	var all errgroup.Group
	for _, p := range s.Processes() {
		all.Go(p.Kill)
	}
	require.NoError(t, all.Wait())
	began := time.Now()
	cancel()
	flying.Wait()

	await(t, "a purchase", func() bool {
		_, err := admin.Expect(t.Context(), http.StatusCreated, "POST", "/v1/purchases",
			shoptest.Object{"items": []shoptest.Object{{"product_id": product, "quantity": 1}}})
		return err == nil
	})
	back := time.Since(began)
	t.Logf("%d purchases acknowledged before, back after %v", len(sold.told), back.Round(time.Millisecond))
	require.Less(t, back, backLimit)
	for _, location := range sold.told {
		admin.Current().Want(t, http.StatusOK, "GET", location, nil)
	}
}
