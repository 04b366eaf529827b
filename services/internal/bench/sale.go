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

// market is what is sold, and to whom.
type market struct {
	known  catalogue
	shelf  []string // the ids of what is known
	buyer  string
	serial atomic.Int64
}

// tally is what was sold, and in which time.
type tally struct {
	sold int64
	took time.Duration
}

func (t *tally) add(other tally) { t.sold, t.took = t.sold+other.sold, t.took+other.took }

// rate is in purchases a second.
func (t *tally) rate() float64 { return float64(t.sold) / t.took.Seconds() }

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// change names a write of its own, as a request without Idempotency-Key is named.
func change(actor string) web.Change {
	id := newID()
	return web.Change{Actor: actor, Request: idempotency.Request{Record: id, Fingerprint: id, TTL: idempotency.OwnTTL, ID: id}}
}

// furnish empties the data set, so that every round finds the same, and puts a
// buyer and products into it, committed in one of the ways.
func furnish(ctx context.Context, servers *stack.Stack, w way) (*market, error) {
	primary, err := servers.Primary(ctx)
	if err != nil {
		return nil, err
	}
	m := &market{buyer: newID(), known: catalogue{}}
	for _, command := range [][]string{
		{"FLUSHALL", "ASYNC"},
		{"HSET", redisdb.KeyUser(m.buyer), "email", "buyer@shop.test"}, // all of a buyer that a purchase looks at
	} {
		if _, err := servers.Redis(ctx, primary, command...); err != nil {
			return nil, err
		}
	}
	store := products.NewStore(w.db, time.Now, newID)
	for i := range shelf {
		price, name := money.Money{Amount: 1999, Currency: "EUR"}, fmt.Sprint("Product ", i)
		in := products.CreateInput{Details: products.Details{Name: name, Price: &price}, Stock: products.MaxStock}
		id, _, err := store.Create(ctx, change(m.buyer), in)
		if err != nil {
			return nil, err
		}
		m.known[id] = products.Product{ID: id, Name: name, Price: price, Version: 1}
		m.shelf = append(m.shelf, id)
	}
	return m, nil
}

// buy makes one purchase of one piece.
func (m *market) buy(ctx context.Context, store *purchases.Store) error {
	product := m.shelf[m.serial.Add(1)%shelf]
	order := purchases.CreateInput{Items: []purchases.Line{{ProductID: product, Quantity: 1}}}
	_, _, err := store.Create(ctx, change(m.buyer), purchases.Buyer{ID: m.buyer}, order)
	return err
}

// sell is one turn: callers buy, one purchase after the other each. What counts is
// what was answered after the warm-up. The first error ends it.
func (m *market) sell(ctx context.Context, o Options, w way) (tally, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	store := purchases.NewStore(w.db, m.known, 15*time.Minute, purchases.Quotas{}, func() int64 { return 0 }, newID, nil)
	var sold atomic.Int64
	var callers sync.WaitGroup
	for range o.Callers {
		callers.Go(func() {
			for ctx.Err() == nil {
				// What has begun is ended, or the next turn would find it under way.
				if err := m.buy(context.WithoutCancel(ctx), store); err != nil {
					cancel(err)
				}
				sold.Add(1)
			}
		})
	}
	pass(ctx, o.Warm)
	before, begun := sold.Load(), time.Now()
	pass(ctx, o.Last)
	counted := tally{sold: sold.Load() - before, took: time.Since(begun)}
	cause := context.Cause(ctx)
	cancel(nil)
	callers.Wait()
	return counted, cause
}

func pass(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
