package attack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"evergreen/services/internal/drill/load"
)

// guesses are guesses at the password of one account, from many addresses, some of them while no Redis answers. The
// others' requests wait as long, so their latency is not judged.
func guesses() Class {
	const perMinute, awayFor = 10, 3 * time.Second
	return Class{
		Name: "guesses", Resource: Processor,
		Title:    "60 guesses a second at the password of one account, from 60 addresses; for 3 s no Redis answers",
		Settings: map[string]string{"RATE_SIGNIN_ACCOUNT_PER_MINUTE": fmt.Sprint(perMinute)},
		Setup: func(ctx context.Context, s *Scene) (err error) {
			s.Attackers, err = s.Customers(ctx, 1, 0)
			return err
		},
		Attack: func(ctx context.Context, s *Scene) error {
			away := make(chan error, 1)
			go func() { away <- s.redisAway(ctx, awayFor) }()
			err := s.Flood(ctx, Flood{PerSecond: 60, AtATime: 600, Send: func(ctx context.Context, n int) (load.Answer, error) {
				return s.Client(s.Address(n%firstVictim)).Send(ctx, http.MethodPost, "/v1/sessions",
					object{"email": s.Attackers[0].Email, "password": fmt.Sprint("guess number ", n)})
			}})
			return errors.Join(err, <-away)
		},
		Lasts:          15 * time.Second,
		LatencyExcused: true,
		Bound: func(f Found) []string {
			// A minute's worth is counted in Redis and another one in the replicas' memory; then the rate of the limit.
			most := 2*perMinute + int(f.Lasted.Minutes()*perMinute) + 1
			passed := 0
			for name, n := range f.Answers {
				if name != "429 signin-rate" {
					passed += n
				}
			}
			reasons := refusedBy(f, "429 signin-rate")
			if passed > most {
				reasons = append(reasons, fmt.Sprintf("%d guesses passed, and %d is the most", passed, most))
			}
			return reasons
		},
		Control: Control{Weakness: "no-sign-in-memory", Rules: []Rule{RuleBound}},
		Short:   &Short{Lasts: 10 * time.Second},
	}
}

// redisAway has no Redis answer for so long, 2 s from now on.
func (s *Scene) redisAway(ctx context.Context, long time.Duration) (err error) {
	waitUntil(ctx, time.Now().Add(2*time.Second))
	nodes := []string{"redis-1", "redis-2", "redis-3"}
	for _, name := range nodes {
		err = errors.Join(err, s.Stack.Process(name).Pause())
	}
	waitUntil(ctx, time.Now().Add(long))
	for _, name := range nodes {
		err = errors.Join(err, s.Stack.Process(name).Resume())
	}
	return err
}
