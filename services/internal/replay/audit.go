package replay

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// ledger is a product's account, in pieces.
type ledger struct{ Initial, Adjusted, Sold, Returned, Stock int64 }

// audit is what the shop has, read back through its API when all is done.
type audit struct {
	mu          sync.Mutex
	purchases   int
	sold        int64            // pence
	refunded    int64            // pence
	pieces      ledger           // over all products
	agree       int              // ledgers
	lapsed      map[string]int64 // pieces by code; see lapsedOnce
	lapses      int              // purchases
	differences []string
}

func (a *audit) differ(what string, args ...any) {
	a.differences = append(a.differences, fmt.Sprintf(what, args...))
}

// check reads every purchase and every ledger and holds them against the plan.
func (r *run) check(ctx context.Context) (*audit, error) {
	a := &audit{lapsed: map[string]int64{}}
	err := each(ctx, r, "purchases checked", r.plan.Sales, func(ctx context.Context, s *Sale) error {
		found, there, err := r.shop.wholeOf(ctx, s.Ref)
		return a.note(err, "invoice "+s.Ref, there, func() { a.purchase(s, found, &r.book) })
	})
	if err != nil {
		return nil, err
	}
	// What had lapsed is known now, and the ledgers can be read.
	err = each(ctx, r, "ledgers checked", r.plan.Products, func(ctx context.Context, p *Product) error {
		id := r.book.products.id(p.Code)
		var found ledger
		var err error
		if id != "" {
			err = r.shop.get(ctx, "/v1/products/"+id+"/stock", &found)
		}
		return a.note(err, "product "+p.Code, id != "", func() { a.product(p, found) })
	})
	// Workers come in any order; the report has the same one each time.
	slices.Sort(a.differences)
	return a, err
}

// note compares what was read; what is not there, or is refused, differs too.
func (a *audit) note(err error, what string, there bool, compare func()) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	refused, is := asRefusal(err)
	switch {
	case is && !refused.concernsAll():
		a.differ("%s: %v", what, err)
	case err != nil:
		return err
	case !there:
		a.differ("%s: is not there", what)
	default:
		compare()
	}
	return nil
}

func (a *audit) purchase(s *Sale, found purchase, b *book) {
	a.purchases++
	a.sold += found.Total.Amount
	a.refunded += found.RefundedTotal.Amount
	if found.UserID != b.customers.id(s.Customer) {
		a.differ("invoice %s: the purchase is another user's, %s", s.Ref, found.UserID)
	}
	if want := s.status(); found.Status != want && (want != "paid" || found.Status != "fulfilled") {
		a.differ("invoice %s: the purchase is %s, not %s", s.Ref, found.Status, want)
	}
	if want := price(s.total()); found.Total != want {
		a.differ("invoice %s: the total is %v, not %v", s.Ref, found.Total, want)
	}
	if len(found.Items) != len(s.Items) {
		a.differ("invoice %s: the purchase has %d lines, not %d", s.Ref, len(found.Items), len(s.Items))
		return
	}
	for i, want := range s.Items {
		item := found.Items[i]
		if item.ProductID != b.products.id(want.Product.Code) || item.Quantity != want.Pieces ||
			item.UnitPrice != price(want.Price) || item.Refunded != want.Refunded {
			a.differ("invoice %s: line %d of the purchase is %+v, not %d of %s at %d, %d refunded",
				s.Ref, i+1, item, want.Pieces, want.Product.Code, want.Price, want.Refunded)
		}
	}
	if lapsedOnce(s, found) {
		a.lapses++
		for _, item := range s.Items {
			a.lapsed[item.Product.Code] += item.Pieces
		}
	}
}

// lapsedOnce says that the purchase was held too long before it was paid, as
// when a run was killed between the two: its stock went back to the shelf and
// was taken again by the payment. The ledger says so, sold and returned once
// more; the purchase says so by its version, one for each thing that happened.
func lapsedOnce(s *Sale, found purchase) bool {
	happened := found.Version - 2 - s.Refunds // made, paid, refunded
	if found.Status == "fulfilled" {
		happened--
	}
	return happened == 1
}

func (a *audit) product(p *Product, found ledger) {
	lapsed := a.lapsed[p.Code]
	want := ledger{Initial: p.Sold, Adjusted: p.Adjusted, Sold: p.Sold + lapsed, Returned: p.Returned + lapsed}
	want.Stock = p.Returned + p.Adjusted
	if found == want {
		a.agree++
	} else {
		a.differ("product %s: the ledger is %+v, not %+v", p.Code, found, want)
	}
	a.pieces.Sold += found.Sold - lapsed
	a.pieces.Returned += found.Returned - lapsed
	a.pieces.Adjusted += found.Adjusted
	a.pieces.Stock += found.Stock
}

func (s *Sale) total() (pence int64) {
	for _, item := range s.Items {
		pence += item.Pieces * item.Price
	}
	return pence
}

func (s *Sale) refundedTotal() (pence int64) {
	for _, item := range s.Items {
		pence += item.Refunded * item.Price
	}
	return pence
}

// status is what the purchase has to be in the end.
func (s *Sale) status() string {
	for _, item := range s.Items {
		if item.Refunded < item.Pieces {
			return "paid"
		}
	}
	return "refunded"
}
