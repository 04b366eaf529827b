package attack

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"evergreen/services/internal/drill/load"
)

// usersRate is RATE_USER_PER_SECOND here.
const usersRate = 100

// userRate is one customer who asks for a purchase much faster than a user may.
func userRate() Class {
	return Class{
		Name: "user-rate", Title: "one customer asks for a purchase 1,000 times a second", Resource: Processor,
		Settings: map[string]string{"RATE_USER_PER_SECOND": fmt.Sprint(usersRate)},
		Setup:    oneBuyer,
		Attack: func(ctx context.Context, s *Scene) error {
			return s.Flood(ctx, Flood{PerSecond: 1000, AtATime: 64, Send: func(ctx context.Context, _ int) (load.Answer, error) {
				return s.Attackers[0].Client.Send(ctx, http.MethodGet, "/v1/purchases/"+s.Attackers[0].Purchase, nil)
			}})
		},
		Lasts: 10 * time.Second,
		Bound: func(f Found) []string {
			// Each replica lets two seconds' worth through at once, and its share of the rate from then on.
			most := 2*2*usersRate + int(1.1*usersRate*f.Lasted.Seconds())
			if got := f.Answers["200"]; got > most {
				return []string{fmt.Sprintf("the user got %d answers, and %d is the most", got, most)}
			}
			return nil
		},
		Control: Control{Weakness: "no-user-rate", Rules: []Rule{RuleBound}},
		Short:   &Short{Lasts: 6 * time.Second, Control: true},
	}
}

// oneBuyer signs up one attacker, with a purchase.
func oneBuyer(ctx context.Context, s *Scene) (err error) {
	if s.Attackers, err = s.Customers(ctx, 1, 0); err != nil {
		return err
	}
	s.Attackers[0].Purchase, err = s.Buy(ctx, s.Attackers[0], 1, s.Product)
	return err
}
