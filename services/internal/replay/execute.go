package replay

import (
	"context"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Progress hears how far a run is. Step is called from several goroutines,
// between Begin and End.
type Progress interface {
	// Begin says that total steps of a kind follow.
	Begin(phase string, total int)
	Step()
	End()
}

// run is one execution of a plan.
type run struct {
	shop     *shop
	plan     Plan
	book     book
	atOnce   int
	progress Progress

	mu       sync.Mutex
	problems []string // what the shop refused
}

// execute brings the shop to where the plan wants it. The phases follow each
// other, for each needs all of those before it: a refund only comes when every
// purchase is paid. Within a phase the order does not matter, since the first
// stock covers all sales and adjustments only add.
func (r *run) execute(ctx context.Context) error {
	p := r.plan
	for _, phase := range []func() error{
		func() error { return each(ctx, r, "customers", p.Customers, r.customer) },
		func() error { return each(ctx, r, "products", p.Products, r.product) },
		func() error { return each(ctx, r, "sales", p.Sales, r.sell) },
		func() error {
			return each(ctx, r, "refunds", p.Refunds, func(ctx context.Context, refund *Refund) error {
				return r.shop.refund(ctx, refund, &r.book)
			})
		},
		func() error {
			return each(ctx, r, "adjustments", p.Adjustments, func(ctx context.Context, a *Adjustment) error {
				return r.shop.adjust(ctx, a, &r.book)
			})
		},
	} {
		if err := phase(); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) customer(ctx context.Context, customer string) error {
	id, err := r.shop.customer(ctx, customer)
	r.book.customers.set(customer, id)
	return err
}

func (r *run) product(ctx context.Context, p *Product) error {
	id, err := r.shop.product(ctx, p)
	r.book.products.set(p.Code, id)
	return err
}

func (r *run) sell(ctx context.Context, s *Sale) error {
	id, err := r.shop.sell(ctx, s, &r.book)
	r.book.sales.set(s.Ref, id)
	return err
}

// each works through a list, a few at a time. What the shop refuses is kept as a
// problem and the others go on, since the next run cannot do better than this
// one; what keeps everything from being answered ends the run.
func each[T any](ctx context.Context, r *run, phase string, list []T, work func(context.Context, T) error) error {
	if len(list) == 0 {
		return nil
	}
	r.progress.Begin(phase, len(list))
	defer r.progress.End()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.atOnce)
	for _, one := range list {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			err := work(ctx, one)
			if refused, is := asRefusal(err); is && !refused.concernsAll() {
				r.problem(err.Error())
				err = nil
			}
			if err == nil {
				r.progress.Step()
			}
			return err
		})
	}
	return group.Wait()
}

// concernsAll says that every other request would be refused as well.
func (r *refusal) concernsAll() bool {
	return r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden
}

func (r *run) problem(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, what)
}
