package attack

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"evergreen/services/internal/drill/load"
)

// passwordAttackers is how many customers change their own passwords in vain.
const passwordAttackers = 6

// passwords is everything that makes the shop hash passwords, other than the log-ins of the people whose accounts they are.
func passwords() Class {
	return Class{
		Name: "passwords", Resource: Processor,
		Title: "600 connections change their own password with a stale If-Match, sign up, and guess one account's password",
		Setup: func(ctx context.Context, s *Scene) (err error) {
			s.Attackers, err = s.Customers(ctx, passwordAttackers, 0)
			return err
		},
		Attack: func(ctx context.Context, s *Scene) error {
			guests := make([]*load.Client, firstVictim)
			for i := range guests {
				guests[i] = s.Client(s.Address(i))
			}
			return s.Flood(ctx, Flood{PerSecond: 300, AtATime: 600, Send: func(ctx context.Context, number int) (load.Answer, error) {
				guest := guests[number/10%len(guests)]
				switch number % 10 {
				case 0:
					return guest.Send(ctx, http.MethodPost, "/v1/users", object{"email": s.Key() + "@example.com", "password": s.Key()})
				case 1:
					return guest.Send(ctx, http.MethodPost, "/v1/sessions", object{"email": s.Attackers[0].Email, "password": "a guess at it"})
				}
				who := s.Attackers[number%passwordAttackers]
				return who.Client.With("If-Match", `"7"`).Send(ctx, http.MethodPatch, "/v1/users/"+who.ID, object{"password": s.Key()})
			}})
		},
		Lasts: 20 * time.Second,
		Bound: func(f Found) []string {
			if f.Answers["412 stale"] == 0 {
				return []string{"no change was refused for its If-Match"}
			}
			// A replica has one slot for sign-ups, which rests seven times as long as a hash takes, and no hash is quicker than 5 ms.
			if got, most := f.Answers["201"], int(f.Lasted/(40*time.Millisecond))*2; got > most {
				return []string{fmt.Sprintf("%d sign-ups were made, and %d is the most", got, most)}
			}
			return nil
		},
		Control: Control{Weakness: "no-hash-bound", Rules: []Rule{RuleLatency, RuleFailures}},
	}
}
