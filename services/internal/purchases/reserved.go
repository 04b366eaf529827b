package purchases

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"evergreen/services/internal/redisdb"
)

// How the pending purchases are looked through: a few at a time, in pauses, with bounded memory.
const (
	reservedEvery    = 500 * time.Millisecond
	reservedPage     = 20
	reservedProducts = 20_000
	// leastReserved is how many pieces have to be reserved before a product counts, so that the last pieces of a
	// product on their way to one buyer are no news.
	leastReserved = 20
	stockPage     = 200
)

// ReservedWatch works out which share of the products' pieces unpaid purchases hold, for the metrics. It goes through
// the pending purchases page by page, without an end.
type ReservedWatch struct {
	store *Store
	log   *slog.Logger
	rounds

	before   string           // the cursor: the oldest purchase that was looked at
	reserved map[string]int64 // pieces by product
}

// NewReservedWatch makes a ReservedWatch over store.
func NewReservedWatch(store *Store, log *slog.Logger) *ReservedWatch {
	return &ReservedWatch{store: store, log: log, reserved: map[string]int64{}}
}

// Start begins to look.
func (w *ReservedWatch) Start() {
	w.start(reservedEvery, nil, w.step, func(err error) {
		w.log.Debug("the pending purchases were not looked through", "error", err)
	})
}

// step looks at one page; after the last one it sets the metrics and begins anew.
func (w *ReservedWatch) step(ctx context.Context) error {
	ids, err := w.store.db.Newest(ctx, redisdb.KeyPurchases(Pending), w.before, reservedPage)
	if err != nil {
		return err
	}
	if err := w.add(ctx, ids); err != nil {
		return err
	}
	if len(ids) == reservedPage {
		w.before = ids[len(ids)-1]
		return nil
	}
	largest, mostly, err := w.shares(ctx)
	if err != nil {
		return err
	}
	w.store.metrics.reserved(largest, mostly)
	w.before, w.reserved = "", map[string]int64{}
	return nil
}

// add counts the pieces of these purchases.
func (w *ReservedWatch) add(ctx context.Context, ids []string) error {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = redisdb.KeyPurchase(id)
	}
	return w.store.db.EachHash(ctx, keys, []string{"status", "items", "lines"}, func(i int, fields redisdb.Fields) (bool, error) {
		if fields["status"] != Pending {
			return true, nil
		}
		items, err := itemsAlone(fields)
		if err != nil {
			return false, fmt.Errorf("%s: %w", keys[i], err)
		}
		for _, item := range items {
			w.count(item)
		}
		return true, nil
	})
}

// count adds a line's pieces to its product's, as long as there is room for the product.
func (w *ReservedWatch) count(item Item) {
	if _, known := w.reserved[item.ProductID]; known || len(w.reserved) < reservedProducts {
		w.reserved[item.ProductID] += item.Quantity
	}
}

// itemsAlone reads a purchase's lines without what people read of them.
func itemsAlone(fields redisdb.Fields) (items []Item, err error) {
	if lines := fields["lines"]; lines != "" {
		return unpackLines([]byte(lines), "")
	}
	err = json.Unmarshal([]byte(fields["items"]), &items)
	return items, err
}

// shares gives the largest share of a product's pieces that is reserved, and of how many products it is more than half.
func (w *ReservedWatch) shares(ctx context.Context) (largest float64, mostly int, err error) {
	var keys []string
	var pieces []int64
	for product, reserved := range w.reserved {
		if reserved >= leastReserved {
			keys, pieces = append(keys, redisdb.KeyProduct(product)), append(pieces, reserved)
		}
	}
	for at := 0; at < len(keys); at += stockPage {
		end := min(at+stockPage, len(keys))
		found, err := w.store.db.Hashes(ctx, keys[at:end], "stock")
		if err != nil {
			return 0, 0, err
		}
		for i, fields := range found {
			stock, err := strconv.ParseInt(fields["stock"], 10, 64)
			if err != nil {
				continue // the product was deleted
			}
			share := float64(pieces[at+i]) / float64(pieces[at+i]+stock)
			if largest = max(largest, share); share > 0.5 {
				mostly++
			}
		}
	}
	return largest, mostly, nil
}
