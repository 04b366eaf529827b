package attack

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/drill/load"
)

// bodies are 100 bodies of a megabyte at a time, of as many values as a megabyte can name.
func bodies() Class {
	items := strings.TrimSuffix(strings.Repeat("{},", 340_000), ",")
	largest := load.Text(`{"items":[` + items + `]}`)
	return Class{
		Name: "bodies", Title: "four customers send 100 purchases of 1 MB at a time, 60 a second", Resource: ReplicaMemory,
		Setup: func(ctx context.Context, s *Scene) (err error) {
			s.Attackers, err = s.Customers(ctx, 4, 0)
			return err
		},
		Attack: func(ctx context.Context, s *Scene) error {
			return s.Flood(ctx, Flood{PerSecond: 60, AtATime: 100, Send: func(ctx context.Context, n int) (load.Answer, error) {
				return s.Attackers[n%4].Client.Send(ctx, http.MethodPost, "/v1/purchases", largest)
			}})
		},
		Lasts:  10 * time.Second,
		Gauges: []string{"shop_request_memory_held_bytes"},
		Bound: func(f Found) []string {
			return answeredBy(f, "413 too-large", "429 caller-busy", "503 busy")
		},
		Control: Control{Weakness: "no-body-bound", Rules: []Rule{RuleAlive, RuleMemory}},
	}
}

// lists are pages of purchases of 1,000 lines.
func lists() Class {
	var path string
	return Class{
		Name: "lists", Title: "two customers ask for pages of 100 purchases of 1,000 lines, 50 at a time", Resource: ReplicaMemory,
		Setup: func(ctx context.Context, s *Scene) (err error) {
			path, err = largeLists(ctx, s)
			return err
		},
		Attack: func(ctx context.Context, s *Scene) error {
			return s.Flood(ctx, Flood{PerSecond: 30, AtATime: 50, Send: func(ctx context.Context, n int) (load.Answer, error) {
				return s.Attackers[n%2].Client.Send(ctx, http.MethodGet, path, nil)
			}})
		},
		Lasts:  10 * time.Second,
		Gauges: []string{"shop_request_memory_held_bytes"},
		Bound: func(f Found) []string {
			if f.Answers["200"] == 0 {
				return []string{"the customers got no page at all"}
			}
			return answeredBy(f, "200", "429 caller-busy", "503 busy")
		},
		Control: Control{Weakness: "no-answer-bound", Rules: []Rule{RuleAlive, RuleMemory}},
	}
}

// largeLists makes two customers with 100 purchases of 1,000 lines each, and gives the path of a page with all that it can show.
func largeLists(ctx context.Context, s *Scene) (path string, err error) {
	if s.Attackers, err = s.Customers(ctx, 2, 0); err != nil {
		return "", err
	}
	lines := make([]object, 1000)
	for i := range lines {
		// One product at another price each, or they would be one line.
		lines[i] = object{"product_id": s.Product, "quantity": 1, "unit_price": object{"amount": i + 1, "currency": "EUR"}}
	}
	making, limited := errgroup.WithContext(ctx)
	making.SetLimit(4)
	for n := range 200 {
		making.Go(func() error {
			return s.Admin.Keyed(s.Key()).Insist(limited, http.MethodPost, "/v1/purchases",
				object{"user_id": s.Attackers[n%2].ID, "items": lines}, &struct{}{})
		})
	}
	if err := making.Wait(); err != nil {
		return "", err
	}
	path = "/v1/purchases?limit=100"
	a, err := s.Attackers[0].Client.Send(ctx, http.MethodGet, "/v1/purchases?limit=1&expand=items", nil)
	if err == nil && a.Status == http.StatusOK {
		path += "&expand=items" // lists show the lines to those who ask for them
	}
	return path, err
}

// answeredBy demands that every answer to the attack is one of these.
func answeredBy(f Found, answers ...string) (reasons []string) {
	for _, name := range sortedNames(f.Answers) {
		expected := false
		for _, answer := range answers {
			expected = expected || name == answer
		}
		if !expected {
			reasons = append(reasons, fmt.Sprintf("%d answers were %s", f.Answers[name], name))
		}
	}
	return reasons
}
