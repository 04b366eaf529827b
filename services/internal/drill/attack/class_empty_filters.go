package attack

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/drill/load"
)

// emptyFilters is a guest who asks for products with two filters that no product fits, in lists that are long.
func emptyFilters() Class {
	const each, perSecond = 3000, 60
	return Class{
		Name: "empty-filters", Title: "a guest asks 60 times a second for products that two long filters have in common, and there are none",
		Resource: Processor,
		Setup: func(ctx context.Context, s *Scene) error {
			category, tag := s.Key(), s.Key()
			s.Target = "/v1/products?limit=100&category=" + category + "&tag=" + tag
			return s.each(ctx, 2*each, func(ctx context.Context, i int) error {
				product := object{"name": s.Key(), "price": euro(), "stock": 1, "category": category}
				if i%2 == 1 {
					delete(product, "category")
					product["tags"] = []string{tag}
				}
				return s.Admin.Keyed(s.Key()).Insist(ctx, http.MethodPost, "/v1/products", product, &struct{}{})
			})
		},
		Attack: func(ctx context.Context, s *Scene) error {
			guest := s.Client(s.Address(0))
			return s.Flood(ctx, Flood{PerSecond: perSecond, AtATime: 64, Send: func(ctx context.Context, _ int) (load.Answer, error) {
				begun := time.Now()
				a, err := guest.Send(ctx, http.MethodGet, s.Target, nil)
				s.Most("slowest page, ms", float64(time.Since(begun).Milliseconds()))
				return a, err
			}})
		},
		Lasts: 10 * time.Second,
		Bound: func(f Found) []string {
			if f.Answers["200"] == 0 {
				return []string{"the guest got no page"}
			}
			return nil
		},
		Control: Control{Weakness: "no-scan-bound", Rules: []Rule{RuleLatency, RuleFailures}},
	}
}

// each does something n times, a few at once.
func (s *Scene) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error {
			if err := do(ctx, i); err != nil {
				return fmt.Errorf("number %d of %d: %w", i+1, n, err)
			}
			return nil
		})
	}
	return group.Wait()
}
