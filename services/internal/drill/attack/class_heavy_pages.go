package attack

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"evergreen/services/internal/drill"
	"evergreen/services/internal/drill/load"
)

// heavyPages is a guest who stays within the rate of requests, and asks for the most costly pages that there are.
func heavyPages() Class {
	const edgePerSecond, pages = 2000, 200
	return Class{
		Name: "heavy-pages", Title: "a guest asks 800 times a second for a page of 100 products", Resource: Processor,
		Settings: map[string]string{"RATE_EDGE_PER_SECOND": fmt.Sprint(edgePerSecond)},
		Setup: func(ctx context.Context, s *Scene) error {
			_, err := s.NewProducts(ctx, 200, 10)
			return err
		},
		Attack: func(ctx context.Context, s *Scene) error {
			guest := s.Client(s.Address(0))
			return s.Flood(ctx, Flood{PerSecond: 800, Burst: 8, AtATime: 200, Send: func(ctx context.Context, _ int) (load.Answer, error) {
				return guest.Send(ctx, http.MethodGet, "/v1/products?limit=100", nil)
			}})
		},
		Lasts: 10 * time.Second,
		Bound: func(f Found) []string {
			// Each nginx of the pair counts by itself, and lets twice a second's worth through at once at the most.
			most := 2 * int(1.1*pages*f.Lasted.Seconds()+2*pages)
			reasons := refusedBy(f, "429 address-limit")
			if got := f.Answers["200"]; got > most {
				reasons = append(reasons, fmt.Sprintf("the guest got %d pages, and %d is the most", got, most))
			}
			return reasons
		},
		Control: Control{
			Prepare: drill.FilesWith("heavy-pages", drill.Edit{
				File: "nginx/nginx.conf.template", Old: "        limit_req zone=large_pages burst=${LARGE_PAGES_BURST} nodelay;\n",
			}),
			Rules: []Rule{RuleBound},
		},
	}
}
