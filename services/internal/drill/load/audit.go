package load

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/drill/history"
)

// Finish makes the audit and gives the whole history, without what only its caller
// knows: Fault, Variant and DownAfter. Call it after Stop, when the shop is quiet.
// The audit reads with the strength of a write, so what it sees is what the shop
// would stand by; a part that cannot be read within 30 s is an error, and the history
// comes along without it.
func (l *Load) Finish(ctx context.Context) (*history.History, error) {
	h := l.record.history()
	h.Initial, h.Reservations = l.initial, l.reservations
	var err error
	h.Audit, err = l.audit(ctx)
	return h, err
}

func (l *Load) audit(ctx context.Context) (history.Audit, error) {
	found := history.Audit{Products: map[string]history.Ledger{}}
	for _, id := range l.products {
		ledger, err := l.ledger(ctx, id)
		if err != nil {
			return found, err
		}
		found.Products[id] = ledger
	}
	lists := make([][]history.Purchase, len(l.customers))
	group, ctx := errgroup.WithContext(ctx)
	for i, customer := range l.customers {
		group.Go(func() (err error) {
			lists[i], err = l.purchases(ctx, customer.user)
			return err
		})
	}
	err := group.Wait()
	for _, list := range lists {
		found.Purchases = append(found.Purchases, list...)
	}
	return found, err
}

// ledger reads a product's account, and its version, which the account has not.
func (l *Load) ledger(ctx context.Context, id string) (ledger history.Ledger, err error) {
	current := l.admin.Current()
	if err := current.insist(ctx, "GET", "/v1/products/"+id+"/stock", nil, &ledger); err != nil {
		return ledger, err
	}
	var product struct{ Version int64 }
	err = current.insist(ctx, "GET", "/v1/products/"+id, nil, &product)
	ledger.Version = product.Version
	return ledger, err
}

// purchases lists all that somebody bought, page by page. Each page is read whole
// from the primary, list and purchases alike, and its cursor is an id; nothing is made
// meanwhile that could be missed.
func (l *Load) purchases(ctx context.Context, user string) ([]history.Purchase, error) {
	var all []history.Purchase
	first := "/v1/purchases?limit=100&user_id=" + user
	for at := first; ; {
		page, err := l.page(ctx, at)
		if err != nil {
			return all, err
		}
		for _, p := range page.Data {
			all = append(all, p.kept())
		}
		if !page.HasMore {
			return all, nil
		}
		at = first + "&cursor=" + page.Next
	}
}

// listedPage is a page of a list of purchases.
type listedPage struct {
	Data    []listed
	HasMore bool   `json:"has_more"`
	Next    string `json:"next_cursor"`
}

// pageTries is how often a page is asked for at most. nginx sends requests to two versions in turn.
const pageTries = 20

// page reads a page with the lines of its purchases. Release 0.1.0 always shows them and refuses the parameter
// expand; of two versions behind nginx, either may answer.
func (l *Load) page(ctx context.Context, at string) (page listedPage, err error) {
	for try := range pageTries {
		page = listedPage{}
		path := at + []string{"&expand=items", "&expand=items", "", ""}[try%4]
		if err = l.admin.Current().insist(ctx, "GET", path, nil, &page); err != nil {
			continue
		}
		if !slices.ContainsFunc(page.Data, func(p listed) bool { return len(p.Items) == 0 }) {
			return page, nil
		}
		err = errors.New("a list of purchases has summaries alone")
	}
	return page, err
}

// listed is a purchase as the API shows it.
type listed struct {
	ID     string
	UserID string `json:"user_id"`
	Status string
	Items  []struct {
		ProductID string `json:"product_id"`
		Quantity  int64
		UnitPrice struct{ Amount int64 } `json:"unit_price"`
	}
}

func (p listed) kept() history.Purchase {
	kept := history.Purchase{ID: p.ID, User: p.UserID, State: p.Status}
	for _, item := range p.Items {
		kept.Lines = append(kept.Lines, history.Line{Product: item.ProductID, Quantity: item.Quantity})
	}
	if len(p.Items) > 0 {
		kept.Mark = p.Items[0].UnitPrice.Amount
	}
	return kept
}
