package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"evergreen/services/internal/drill/load"
)

// Kind is what a victim does.
type Kind string

// What victims do.
const (
	Buy    Kind = "buy"
	Pay    Kind = "pay"
	Read   Kind = "read"
	Change Kind = "change"
	LogIn  Kind = "log in"
)

// How often a second. A log-in costs a password hash, which is made to be slow; it has a figure of its own.
const (
	ordersPerSecond  = 8
	readsPerSecond   = 10
	changesPerSecond = 2
	logInsPerSecond  = 2
)

// customers is how many people the victims are. Each may log in ten times a minute.
const customers = 16

// firstVictim is the number of the address that the first of them has (Scene.Address).
const firstVictim = 60

// request is one of a victim's.
type request struct {
	kind    Kind
	begun   time.Time
	took    time.Duration
	trouble string // "" if it was answered as it has to be
}

// victims are the other customers and the admin.
type victims struct {
	scene  *Scene
	people []Person

	mu   sync.Mutex
	made []request
}

// newVictims signs the others up. Each of them has a paid purchase.
func newVictims(ctx context.Context, s *Scene) (*victims, error) {
	people, err := s.Customers(ctx, customers, firstVictim)
	if err != nil {
		return nil, fmt.Errorf("signing the others up: %w", err)
	}
	v := &victims{scene: s, people: people}
	for _, p := range people {
		purchase, err := s.Buy(ctx, p, 1, s.Product)
		if err == nil {
			err = s.Pay(ctx, purchase)
		}
		if err != nil {
			return nil, fmt.Errorf("the others' first purchases: %w", err)
		}
	}
	return v, nil
}

// live has them go on with their lives until ctx ends; the function that it returns waits for the last answers.
func (v *victims) live(ctx context.Context) (wait func()) {
	var flying sync.WaitGroup
	for _, row := range []struct {
		perSecond int
		do        func(context.Context, int)
	}{
		{ordersPerSecond, v.order}, {readsPerSecond, v.read}, {changesPerSecond, v.change}, {logInsPerSecond, v.logIn},
	} {
		flying.Go(func() { every(ctx, row.perSecond, &flying, row.do) })
	}
	return flying.Wait
}

// every begins do so many times a second, however long the earlier ones take. What has begun is not broken off when ctx ends.
func every(ctx context.Context, perSecond int, flying *sync.WaitGroup, do func(context.Context, int)) {
	going := context.WithoutCancel(ctx)
	due := time.Now()
	for number := 0; ; number++ {
		due = due.Add(time.Second / time.Duration(perSecond))
		if !waitUntil(ctx, due) {
			return
		}
		flying.Go(func() { do(going, number) })
	}
}

// send sends a victim's request and notes how it was answered.
func (v *victims) send(ctx context.Context, kind Kind, c *load.Client, method, path string, body any) (load.Answer, bool) {
	begun := time.Now()
	a, err := c.Send(ctx, method, path, body)
	made := request{kind: kind, begun: begun, took: time.Since(begun)}
	if err != nil || a.Status >= 300 {
		made.trouble = named(a, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.made = append(v.made, made)
	return a, made.trouble == ""
}

// order buys a piece, and the admin pays.
func (v *victims) order(ctx context.Context, number int) {
	who := v.people[number%len(v.people)]
	a, bought := v.send(ctx, Buy, who.Client.Keyed(v.scene.Key()), "POST", "/v1/purchases", Order(1, v.scene.Product))
	var purchase struct{ ID string }
	if !bought || json.Unmarshal(a.Body, &purchase) != nil {
		return
	}
	key := v.scene.Key()
	v.send(ctx, Pay, v.scene.Admin.Keyed(key), "POST", "/v1/purchases/"+purchase.ID+"/pay", object{"reference": key})
}

func (v *victims) read(ctx context.Context, number int) {
	who := v.people[number%len(v.people)]
	paths := []string{"/v1/products/" + v.scene.Product, "/v1/purchases?limit=5", "/v1/products?limit=5"}
	v.send(ctx, Read, who.Client, "GET", paths[number%len(paths)], nil)
}

func (v *victims) change(ctx context.Context, number int) {
	v.send(ctx, Change, v.scene.Admin.Keyed(v.scene.Key()), "POST", "/v1/products/"+v.scene.Product+"/stock",
		object{"delta": 1, "reason": fmt.Sprint("delivery ", number)})
}

func (v *victims) logIn(ctx context.Context, number int) {
	who := v.people[number%len(v.people)]
	guest := who.Client.As("")
	a, in := v.send(ctx, LogIn, guest, "POST", "/v1/sessions", object{"email": who.Email, "password": who.Password})
	var session struct{ Token string }
	if in && json.Unmarshal(a.Body, &session) == nil {
		_, _ = guest.As(session.Token).Send(ctx, "DELETE", "/v1/sessions/current", nil)
	}
}

// between gives the requests that began in a span of time.
func (v *victims) between(from, to time.Time) []request {
	v.mu.Lock()
	defer v.mu.Unlock()
	var found []request
	for _, r := range v.made {
		if !r.begun.Before(from) && r.begun.Before(to) {
			found = append(found, r)
		}
	}
	return found
}

// Latency is what victims' requests of a span of time took.
type Latency struct {
	Requests int           `json:"requests"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
	Longest  time.Duration `json:"longest_ns"`
	// Failures counts what was not answered as it has to be, by status and code.
	Failures map[string]int `json:"failures,omitempty"`
}

func latency(made []request, accept func(Kind) bool) Latency {
	l := Latency{Failures: map[string]int{}}
	var all []time.Duration
	for _, r := range made {
		if !accept(r.kind) {
			continue
		}
		all = append(all, r.took)
		if r.trouble != "" {
			l.Failures[string(r.kind)+": "+r.trouble]++
		}
	}
	slices.Sort(all)
	l.Requests, l.P50, l.P99, l.Longest = len(all), percentile(all, 50), percentile(all, 99), percentile(all, 100)
	return l
}

// percentile is by nearest rank; 0 of nothing.
func percentile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}

func isLogIn(k Kind) bool   { return k == LogIn }
func isNoLogIn(k Kind) bool { return k != LogIn }
