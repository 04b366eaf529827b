package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"evergreen/services/internal/drill/load"
)

// competitors is how many customers want the product that is attacked.
const competitors = 20

// stockHoard is one customer who reserves all that there is of a product.
func stockHoard() Class {
	const stock, most = 100_000, 1000
	return Class{
		Name: "stock-hoard", Title: "one customer reserves 100,000, 1,000 or 50 pieces of a product at a time, 30 times a second", Resource: Stock,
		Settings: map[string]string{"QUOTA_PRODUCT_PIECES": strconv.Itoa(most)},
		Setup:    contested(stock),
		Attack: func(ctx context.Context, s *Scene) error {
			var both sync.WaitGroup
			both.Go(func() { s.compete(ctx) })
			quantities := []int{stock, most, 50}
			err := s.Flood(ctx, Flood{PerSecond: 30, AtATime: 8, Send: func(ctx context.Context, n int) (load.Answer, error) {
				a, err := s.Attackers[0].Client.Send(ctx, http.MethodPost, "/v1/purchases", Order(quantities[n%3], s.Target))
				if err == nil && a.Status == http.StatusCreated {
					s.Add("pieces reserved", float64(quantities[n%3]))
				}
				return a, err
			}})
			both.Wait()
			return err
		},
		Lasts: 10 * time.Second,
		Bound: func(f Found) []string {
			reasons := served(f, 0.99)
			if got := f.Figures["pieces reserved"]; got > most {
				reasons = append(reasons, fmt.Sprintf("one customer has reserved %.0f pieces, and %d is the most", got, most))
			}
			return reasons
		},
		Control: Control{Weakness: "no-stock-cap", Rules: []Rule{RuleBound}},
		Short:   &Short{Lasts: 6 * time.Second, Control: true},
	}
}

// stockRebuy is one customer who reserves all of a scarce product, cancels, and reserves it again.
func stockRebuy() Class {
	const stock = 20
	return Class{
		Name: "stock-rebuy", Title: "one customer reserves all 20 pieces of a product, cancels after 100 ms, and does it again", Resource: Stock,
		Setup: contested(stock),
		Attack: func(ctx context.Context, s *Scene) error {
			var both sync.WaitGroup
			both.Go(func() { s.compete(ctx) })
			hoarder := s.Attackers[0].Client
			err := s.Flood(ctx, Flood{PerSecond: 60, AtATime: 1, Send: func(ctx context.Context, _ int) (load.Answer, error) {
				a, err := hoarder.Send(ctx, http.MethodPost, "/v1/purchases", Order(stock, s.Target))
				var made struct{ ID string }
				if err != nil || a.Status != http.StatusCreated || json.Unmarshal(a.Body, &made) != nil {
					return a, err
				}
				waitUntil(ctx, time.Now().Add(100*time.Millisecond))
				_, _ = hoarder.Send(context.WithoutCancel(ctx), http.MethodPost, "/v1/purchases/"+made.ID+"/cancel", nil)
				return a, nil
			}})
			both.Wait()
			return err
		},
		Lasts:   10 * time.Second,
		Bound:   func(f Found) []string { return served(f, 0.5) },
		Control: Control{Weakness: "no-cool-down", Rules: []Rule{RuleBound}},
	}
}

// stockBuyUp is one customer who buys, and pays for, all that there is of a product that has max_per_customer.
func stockBuyUp() Class {
	const most = 5
	return Class{
		Name: "stock-buy-up", Title: "one customer buys and pays for a product of which a customer may have 5, 20 times a second", Resource: Stock,
		Setup: func(ctx context.Context, s *Scene) error {
			if err := contested(0)(ctx, s); err != nil {
				return err
			}
			var made struct{ ID string }
			err := s.Admin.Insist(ctx, http.MethodPost, "/v1/products",
				object{"name": s.Key(), "price": euro(), "stock": 100_000, "max_per_customer": most}, &made)
			s.Target = made.ID
			return err
		},
		Attack: func(ctx context.Context, s *Scene) error {
			var both sync.WaitGroup
			both.Go(func() { s.compete(ctx) })
			err := s.Flood(ctx, Flood{PerSecond: 20, AtATime: 4, Send: func(ctx context.Context, _ int) (load.Answer, error) {
				a, err := s.Attackers[0].Client.Send(ctx, http.MethodPost, "/v1/purchases", Order(1, s.Target))
				var made struct{ ID string }
				if err == nil && a.Status == http.StatusCreated && json.Unmarshal(a.Body, &made) == nil {
					err = s.Pay(context.WithoutCancel(ctx), made.ID)
				}
				return a, err
			}})
			both.Wait()
			return err
		},
		Lasts: 10 * time.Second,
		Bound: func(f Found) []string {
			reasons := append(served(f, 0.99), refusedBy(f, "409 max-per-customer")...)
			if got := f.Answers["201"]; got > most {
				reasons = append(reasons, fmt.Sprintf("one customer has bought %d pieces, and %d is the most", got, most))
			}
			return reasons
		},
		Control: Control{Weakness: "no-quotas", Rules: []Rule{RuleBound}},
	}
}

// contested makes a product of so many pieces, one attacker, and customers who want it.
func contested(stock int) func(context.Context, *Scene) error {
	return func(ctx context.Context, s *Scene) (err error) {
		if s.Attackers, err = s.Customers(ctx, 1+competitors, 0); err != nil {
			return err
		}
		s.Target, err = s.NewProduct(ctx, stock)
		return err
	}
}

// compete buys one piece ten times a second, as other customers than the first attacker. The admin cancels each purchase, so
// that the piece is there for the next one.
func (s *Scene) compete(ctx context.Context) {
	going := context.WithoutCancel(ctx)
	due := time.Now()
	for number := 0; ; number++ {
		if due = due.Add(100 * time.Millisecond); !waitUntil(ctx, due) {
			return
		}
		a, err := s.Attackers[1+number%competitors].Client.Send(going, http.MethodPost, "/v1/purchases", Order(1, s.Target))
		var made struct{ ID string }
		if err != nil || a.Status != http.StatusCreated || json.Unmarshal(a.Body, &made) != nil {
			s.Add("competitors refused", 1)
			continue
		}
		s.Add("competitors served", 1)
		_, _ = s.Admin.Send(going, http.MethodPost, "/v1/purchases/"+made.ID+"/cancel", nil)
	}
}

// served demands that so large a part of the competitors' purchases was made.
func served(f Found, least float64) []string {
	good, bad := f.Figures["competitors served"], f.Figures["competitors refused"]
	if good+bad == 0 || good/(good+bad) < least {
		return []string{fmt.Sprintf("%.0f of %.0f purchases of other customers were made, and %.0f %% is the least", good, good+bad, 100*least)}
	}
	return nil
}
