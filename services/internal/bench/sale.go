package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/money"
	"evergreen/services/internal/products"
	"evergreen/services/internal/purchases"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/web"
)

// shelf is how many products are sold; few enough that some are sold at once.
const shelf = 20

// catalogue is what a purchase reads of products, read once: reads are not what
// is measured, and a sale changes nothing of it.
type catalogue map[string]products.Product

// Lookup gives the products in the order of ids.
func (c catalogue) Lookup(_ context.Context, ids []string) ([]products.Product, error) {
	list := make([]products.Product, len(ids))
	for i, id := range ids {
		list[i] = c[id]
	}
	return list, nil
}

// seller makes purchases through one way to commit.
type seller struct {
	purchases *purchases.Store
	shelf     []string
	buyer     string
	serial    atomic.Int64
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// change names a write of its own, as a request without Idempotency-Key is named.
func change(actor string) web.Change {
	id := newID()
	return web.Change{Actor: actor, Request: idempotency.Request{Record: id, Fingerprint: id, TTL: idempotency.OwnTTL, ID: id}}
}

// furnish empties the data set, so that every measurement finds the same, and
// puts a buyer and products into it.
func furnish(ctx context.Context, servers *stack.Stack, w way) (*seller, error) {
	primary, err := servers.Primary(ctx)
	if err != nil {
		return nil, err
	}
	s := &seller{buyer: newID()}
	for _, command := range [][]string{
		{"FLUSHALL", "ASYNC"},
		{"HSET", redisdb.KeyUser(s.buyer), "email", "buyer@shop.test"}, // all of a buyer that a purchase looks at
	} {
		if _, err := servers.Redis(ctx, primary, command...); err != nil {
			return nil, err
		}
	}
	known := catalogue{}
	store := products.NewStore(w.db, time.Now, newID)
	for i := range shelf {
		price, name := money.Money{Amount: 1999, Currency: "EUR"}, fmt.Sprint("Product ", i)
		in := products.CreateInput{Details: products.Details{Name: name, Price: &price}, Stock: products.MaxStock}
		id, _, err := store.Create(ctx, change(s.buyer), in)
		if err != nil {
			return nil, err
		}
		known[id] = products.Product{ID: id, Name: name, Price: price, Version: 1}
		s.shelf = append(s.shelf, id)
	}
	s.purchases = purchases.NewStore(w.db, known, 15*time.Minute, newID)
	return s, nil
}

// buy makes one purchase of one piece.
func (s *seller) buy(ctx context.Context) error {
	product := s.shelf[s.serial.Add(1)%shelf]
	_, _, err := s.purchases.Create(ctx, change(s.buyer), s.buyer, purchases.CreateInput{Items: []purchases.Line{{ProductID: product, Quantity: 1}}})
	return err
}

// sell lets callers buy, one purchase after the other each, and gives how many
// were answered a second after the warm-up. The first error ends it.
func sell(ctx context.Context, o Options, servers *stack.Stack, w way) (float64, error) {
	s, err := furnish(ctx, servers, w)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sold atomic.Int64
	var callers sync.WaitGroup
	for range o.Callers {
		callers.Go(func() {
			for ctx.Err() == nil {
				// What has begun is ended, or the next measurement would find it under way.
				if err := s.buy(context.WithoutCancel(ctx)); err != nil {
					cancel(err)
				}
				sold.Add(1)
			}
		})
	}
	rate := count(ctx, o, &sold)
	cause := context.Cause(ctx)
	cancel(nil)
	callers.Wait()
	return rate, cause
}

// count waits for the warm-up to pass and gives the rate after it.
func count(ctx context.Context, o Options, sold *atomic.Int64) float64 {
	pass(ctx, o.Warm)
	before, begun := sold.Load(), time.Now()
	pass(ctx, o.Last)
	return float64(sold.Load()-before) / time.Since(begun).Seconds()
}

func pass(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
