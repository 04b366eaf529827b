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
	"evergreen/services/internal/stack"
)

// linesMost is how many lines a purchase may have.
const linesMost = 1000

// redisMemory are customers who fill Redis with large purchases, which they cancel at once, and with refusals that have to be
// remembered.
func redisMemory() Class {
	return Class{
		Name: "redis-memory", Resource: RedisMemory, Size: 10,
		Title:    "10 customers make and cancel purchases of 1,000 lines and have refusals remembered under new keys, 45 requests a second",
		Settings: map[string]string{"QUOTA_DAY_BYTES": strconv.Itoa(2 << 20), "QUOTA_DAY_KEYS": "1000"},
		Setup:    buyersOfLists,
		Attack: func(ctx context.Context, s *Scene) error {
			var all sync.WaitGroup
			all.Go(func() { _ = s.Flood(ctx, Flood{PerSecond: 30, AtATime: 8, Send: s.refusedPurchase}) })
			err := s.Flood(ctx, Flood{PerSecond: 15, AtATime: 8, Send: s.listedPurchase(linesMost, true)})
			all.Wait()
			return err
		},
		Lasts: 5 * time.Minute,
		Bound: func(f Found) []string {
			// Each replica counts by itself, and a request that is repeated counts again, so half more is within the quota. The
			// others' orders take 3 KB each, with their events and outcomes.
			attackers := int64(10 * f.setting("QUOTA_DAY_BYTES") * 3 / 2)
			others := int64(f.During.Requests)*3<<10 + 4<<20
			reasons := refusedBy(f, "429 quota-day-bytes", "429 quota-open-lines", "429 cool-down")
			if f.grownBytes() > attackers+others {
				reasons = append(reasons, fmt.Sprintf("Redis has grown by %s, and %s is the most", megabytes(f.grownBytes()), megabytes(attackers+others)))
			}
			return reasons
		},
		Control: Control{Settings: stack.WithHighQuotas(nil), Rules: []Rule{RuleBound}},
	}
}

// newAccounts are customers without a paid purchase, from 50 addresses.
func newAccounts() Class {
	const maxmemoryBytes, addresses = 64 << 20, 50
	return Class{
		Name: "new-accounts", Resource: RedisMemory, Size: 1000,
		Title:    "1,000 new accounts from 50 addresses buy without paying: 40 purchases of 300 lines a second, with 64 MB for Redis",
		Settings: map[string]string{"REDIS_MAXMEMORY": strconv.Itoa(maxmemoryBytes)},
		Setup: func(ctx context.Context, s *Scene) error {
			if err := s.crowd(ctx, addresses); err != nil {
				return err
			}
			return s.catalogue(ctx)
		},
		Attack: func(ctx context.Context, s *Scene) error {
			return s.Flood(ctx, Flood{PerSecond: 40, AtATime: 16, Send: s.listedPurchase(300, false)})
		},
		Lasts:  45 * time.Second,
		Gauges: []string{"shop_unpaid_bytes"},
		Bound: func(f Found) []string {
			// A tenth of maxmemory by the estimate of a purchase's bytes; the others' orders take 3 KB each.
			most := int64(maxmemoryBytes/10*5/4 + f.During.Requests*3<<10)
			reasons := refusedBy(f, "429 quota-share", "429 quota-address")
			if f.grownBytes() > most {
				reasons = append(reasons, fmt.Sprintf("Redis has grown by %s, and %s is the most", megabytes(f.grownBytes()), megabytes(most)))
			}
			return reasons
		},
		Control: Control{Weakness: "no-quotas", Rules: []Rule{RuleBound}},
	}
}

// refusedKeys is one customer whose refused purchases have to be remembered, each under a key of its own.
func refusedKeys() Class {
	const keys = 200
	return Class{
		Name: "refused-keys", Resource: RedisMemory, Size: 1,
		Title:    "one customer sends 80 purchases a second of what is sold out, each with a new Idempotency-Key",
		Settings: map[string]string{"QUOTA_DAY_KEYS": strconv.Itoa(keys)},
		Setup:    buyersOfLists,
		Attack: func(ctx context.Context, s *Scene) error {
			return s.Flood(ctx, Flood{PerSecond: 80, AtATime: 16, Send: s.refusedPurchase})
		},
		Lasts: 10 * time.Second,
		Bound: func(f Found) []string {
			reasons := refusedBy(f, "429 quota-day-keys")
			if got := f.Answers["409 insufficient-stock"]; got > keys*3/2 {
				reasons = append(reasons, fmt.Sprintf("%d refusals were remembered, and about %d is the most", got, keys))
			}
			return reasons
		},
		Control: Control{Settings: map[string]string{"QUOTA_DAY_KEYS": "1000000"}, Rules: []Rule{RuleBound}},
		Short:   &Short{Lasts: 6 * time.Second},
	}
}

// refusedCrowd are new accounts from 50 addresses, each with far fewer refusals than a customer may have.
func refusedCrowd() Class {
	const addresses, maxmemoryBytes, bytesOfEach = 50, 64 << 20, 160
	return Class{
		Name: "refused-crowd", Resource: RedisMemory, Size: 1000,
		Title:    "1,000 new accounts from 50 addresses send 150 purchases a second of what is sold out, with 64 MB for Redis",
		Settings: map[string]string{"REDIS_MAXMEMORY": strconv.Itoa(maxmemoryBytes), "QUOTA_DAY_SHARE_PERCENT": "1", "QUOTA_DAY_ADDRESS_PERCENT": "10"},
		Setup: func(ctx context.Context, s *Scene) error {
			if err := s.crowd(ctx, addresses); err != nil {
				return err
			}
			made, err := s.NewProduct(ctx, 0)
			s.Target = made
			return err
		},
		Attack: func(ctx context.Context, s *Scene) error {
			return s.Flood(ctx, Flood{PerSecond: 150, AtATime: 16, Send: s.refusedPurchase})
		},
		Lasts: 60 * time.Second,
		Bound: func(f Found) []string {
			reasons := refusedBy(f, "429 quota-day-share", "429 quota-day-address")
			most := maxmemoryBytes * f.setting("QUOTA_DAY_SHARE_PERCENT") / 100 / bytesOfEach
			if got := f.Answers["409 insufficient-stock"]; got > most*11/10 {
				reasons = append(reasons, fmt.Sprintf("%d refusals were remembered, and about %d is the most", got, most))
			}
			return reasons
		},
		Control: Control{
			Settings: map[string]string{"QUOTA_DAY_SHARE_PERCENT": "100", "QUOTA_DAY_ADDRESS_PERCENT": "100"},
			Rules:    []Rule{RuleBound},
		},
	}
}

// crowd signs up as many customers as the class has; their addresses are the first ones.
func (s *Scene) crowd(ctx context.Context, addresses int) (err error) {
	if s.Attackers, err = s.Customers(ctx, s.Size, 0); err != nil {
		return err
	}
	for i := range s.Attackers {
		s.Attackers[i].Client = s.Attackers[i].Client.From(s.Address(i % addresses))
	}
	return nil
}

// redisFull are customers without quotas who fill Redis up to their bound.
func redisFull() Class {
	const maxmemoryBytes = 24 << 20
	return Class{
		Name: "redis-full", Resource: RedisMemory, Size: 10,
		Title: "10 customers without quotas fill 24 MB of Redis with purchases of 1,000 lines",
		Settings: stack.WithHighQuotas(map[string]string{
			"REDIS_MAXMEMORY": strconv.Itoa(maxmemoryBytes), "CUSTOMER_MEMORY_PERCENT": "85", "QUOTA_SHARE_PERCENT": "100", "QUOTA_ADDRESS_PERCENT": "100",
		}),
		Setup: buyersOfLists,
		Attack: func(ctx context.Context, s *Scene) error {
			return s.Flood(ctx, Flood{PerSecond: 20, AtATime: 8, Send: s.listedPurchase(linesMost, false)})
		},
		Lasts: 45 * time.Second,
		// The memory that is left belongs to the admin, who goes on taking payments and changing products.
		Allowed: []string{"buy: 503 storage-full", "log in: 503 storage-full"},
		Bound: func(f Found) []string {
			return refusedBy(f, "503 storage-full")
		},
		Control: Control{Weakness: "no-admin-reserve", Rules: []Rule{RuleFailures}},
	}
}

// refusedBy demands that the attack was refused by one of these answers.
func refusedBy(f Found, names ...string) []string {
	for _, name := range names {
		if f.Answers[name] > 0 {
			return nil
		}
	}
	return []string{fmt.Sprintf("no request was refused by %s", names)}
}

// buyersOfLists signs up as many attackers as the class has, and makes what they order.
func buyersOfLists(ctx context.Context, s *Scene) (err error) {
	if s.Attackers, err = s.Customers(ctx, s.Size, 0); err != nil {
		return err
	}
	if s.Target, err = s.NewProduct(ctx, 0); err != nil {
		return err
	}
	return s.catalogue(ctx)
}

// catalogue makes as many products as a purchase may have lines.
func (s *Scene) catalogue(ctx context.Context) (err error) {
	s.Products, err = s.NewProducts(ctx, linesMost, 100_000_000)
	return err
}

// refusedPurchase orders what is sold out, under a new key.
func (s *Scene) refusedPurchase(ctx context.Context, n int) (load.Answer, error) {
	who := s.Attackers[n%len(s.Attackers)]
	return who.Client.Keyed(s.Key()).Send(ctx, http.MethodPost, "/v1/purchases", Order(1, s.Target))
}

// listedPurchase orders so many lines, and cancels the purchase at once if that is asked for.
func (s *Scene) listedPurchase(lines int, cancel bool) func(context.Context, int) (load.Answer, error) {
	body := Order(1, s.Products[:lines]...)
	return func(ctx context.Context, n int) (load.Answer, error) {
		who := s.Attackers[n%len(s.Attackers)]
		a, err := who.Client.Send(ctx, http.MethodPost, "/v1/purchases", body)
		var made struct{ ID string }
		if cancel && err == nil && a.Status == http.StatusCreated && json.Unmarshal(a.Body, &made) == nil {
			_, _ = who.Client.Send(ctx, http.MethodPost, "/v1/purchases/"+made.ID+"/cancel", nil)
		}
		return a, err
	}
}
