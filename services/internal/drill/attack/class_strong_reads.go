package attack

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"evergreen/services/internal/drill/load"
)

// strongReadsRate is RATE_STRONG_READS_ADDRESS_PER_SECOND here.
const strongReadsRate = 50

// strongReads is a guest who reloads a page as browsers do, with no-cache, and sends made-up Consistency-Tokens.
func strongReads() Class {
	const perSecond, burst = 600, 100
	return Class{
		Name: "strong-reads", Title: "a guest sends bursts of 100 reads with no-cache or with a made-up token, 600 a second",
		Resource: CommitGroups,
		Settings: map[string]string{"RATE_STRONG_READS_ADDRESS_PER_SECOND": fmt.Sprint(strongReadsRate)},
		Attack: func(ctx context.Context, s *Scene) error {
			guest := s.Client(s.Address(0))
			kinds := []*load.Client{guest.Current(), guest.With("Consistency-Token", "9007199254740991.AAAAAAAAAAAAAAAAAAAAAA")}
			return s.Flood(ctx, Flood{PerSecond: perSecond, Burst: burst, AtATime: burst, Send: func(ctx context.Context, n int) (load.Answer, error) {
				return kinds[n%len(kinds)].Send(ctx, http.MethodGet, "/v1/products/"+s.Product, nil)
			}})
		},
		Lasts:  10 * time.Second,
		Gauges: []string{"shop_strong_reads_held"},
		Bound: func(f Found) []string {
			// Each replica lets two seconds' worth through at once, and its share from then on.
			most := 2*2*strongReadsRate + int(1.1*strongReadsRate*f.Lasted.Seconds())
			if got := f.Answers["200"]; got > most {
				return []string{fmt.Sprintf("the guest got %d strong reads, and %d is the most", got, most)}
			}
			return nil
		},
		Control: Control{Weakness: "no-read-queue", Rules: []Rule{RuleBound}},
	}
}
