package faults_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// perSecond is how many requests traffic sends.
const perSecond = 100

// step is one kind of request that traffic sends.
type step struct {
	name   string
	write  bool
	keyed  bool
	status int // the only right one
	client *shoptest.Client
	method string
	path   string
}

// result is what became of one request.
type result struct {
	step
	serial     int64 // also the number of pieces that a purchase buys
	key        string
	sent, done time.Time
	answer     shoptest.Answer
	err        error
}

func (r result) right() bool { return r.err == nil && r.answer.Status == r.status }

// traffic is a steady stream of reads and purchases, keyed and not, by a
// customer and by an admin who buys for them. Every purchase buys another number
// of pieces: by that number it is known again in the shop, without a key or a
// reference that would itself keep it from being made twice.
type traffic struct {
	admin, customer *shoptest.Client
	product         string
	customerID      string
	steps           []step

	stop    context.CancelFunc
	flying  sync.WaitGroup
	mu      sync.Mutex
	results []result
	changed chan struct{} // closed and made anew with each result
}

// startTraffic sends requests through nginx until end is called.
func startTraffic(t *testing.T, s *stack.Stack, admin *shoptest.Client) *traffic {
	t.Helper()
	customer, id := shoptest.Customer(t, admin)
	product := shoptest.Product(t, admin, 1_000_000_000)
	f := &traffic{admin: admin, customer: customer, customerID: id, product: product, changed: make(chan struct{})}
	nobody := shoptest.New(s.URL())
	buy := step{name: "buy", write: true, status: http.StatusCreated, method: "POST", path: "/v1/purchases"}
	get := step{name: "read", status: http.StatusOK, method: "GET"}
	f.steps = []step{
		buy.by(customer, false), get.of(nobody, "/v1/products/"+product),
		buy.by(admin, true), get.of(customer, "/v1/users/"+id),
		buy.by(customer, true), get.of(customer, "/v1/purchases"),
		buy.by(admin, false), get.of(admin, "/v1/products/"+product+"/stock"),
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.stop = cancel
	t.Cleanup(cancel)
	f.flying.Add(1)
	go f.run(ctx, t.Context())
	return f
}

func (s step) by(c *shoptest.Client, keyed bool) step { s.client, s.keyed = c, keyed; return s }

func (s step) of(c *shoptest.Client, path string) step { s.client, s.path = c, path; return s }

// run begins a request at each tick until ctx ends; what has begun may last on.
func (f *traffic) run(ctx, requests context.Context) {
	defer f.flying.Done()
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	for serial := int64(1); ; serial++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.flying.Add(1)
			go f.send(requests, serial)
		}
	}
}

func (f *traffic) send(ctx context.Context, serial int64) {
	defer f.flying.Done()
	r := result{step: f.steps[serial%int64(len(f.steps))], serial: serial, sent: time.Now()}
	if r.keyed {
		r.key = shoptest.Unique("key")
	}
	r.answer, r.err = f.again(ctx, r)
	r.done = time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.results = append(f.results, r)
	close(f.changed)
	f.changed = make(chan struct{})
}

// again sends the request of r, for the first time or once more.
func (f *traffic) again(ctx context.Context, r result) (shoptest.Answer, error) {
	client, body := r.client, any(nil)
	if r.key != "" {
		client = client.Keyed(r.key)
	}
	if r.write {
		order := shoptest.Order(f.product, r.serial)
		if client.Token() == f.admin.Token() {
			order["user_id"] = f.customerID
		}
		body = order
	}
	return client.Try(ctx, r.method, r.path, body)
}

// await returns once n results satisfy accept, and gives them.
func (f *traffic) await(t *testing.T, n int, accept func(result) bool) []result {
	t.Helper()
	for {
		f.mu.Lock()
		found, changed := filter(f.results, accept), f.changed
		f.mu.Unlock()
		if len(found) >= n {
			return found
		}
		select {
		case <-changed:
		case <-time.After(30 * time.Second):
			require.Fail(t, "the traffic does not get there", "%d of %d", len(found), n)
		}
	}
}

// awaitMore returns once n requests that are sent from now on are answered.
func (f *traffic) awaitMore(t *testing.T, n int) {
	t.Helper()
	now := time.Now()
	f.await(t, n, func(r result) bool { return r.sent.After(now) })
}

// end stops the traffic, waits for what is still under way and gives everything.
func (f *traffic) end(t *testing.T) []result {
	t.Helper()
	f.stop()
	f.flying.Wait()
	slices.SortFunc(f.results, func(a, b result) int { return a.sent.Compare(b.sent) })
	seconds := f.results[len(f.results)-1].sent.Sub(f.results[0].sent).Seconds()
	t.Logf("%d requests in %.1f s (%.0f/s); the slowest read took %v, the slowest write %v", len(f.results), seconds,
		float64(len(f.results))/seconds, slowest(f.results, isRead), slowest(f.results, isWrite))
	return f.results
}
