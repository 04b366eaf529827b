package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"evergreen/services/internal/processor"
	"evergreen/services/internal/products"
	"evergreen/services/internal/stack"
)

// scrapeEvery is how often Prometheus asks, as prometheus.yml has it.
const scrapeEvery = 5 * time.Second

// counter is where requests are made: a product to look at and to buy, somebody who
// is under no limit, and the two replicas.
type counter struct {
	http     *http.Client
	token    string
	product  string
	replicas []*replica
}

// replica is an API replica, and what it has done in a round.
type replica struct {
	name    string // of the way
	api     string // where it is asked
	metrics string // where it is scraped, "" if it is not
	pid     int

	asked     atomic.Int64
	answered  int64
	processor time.Duration
}

// worth is how many requests one second of its processor time was good for.
func (r *replica) worth() float64 { return float64(r.answered) / r.processor.Seconds() }

// begin and end bound what counts.
func (r *replica) begin() { r.answered, r.processor = -r.asked.Load(), -processor.Time(r.pid) }
func (r *replica) end() {
	r.answered += r.asked.Load()
	r.processor += processor.Time(r.pid)
}

// enter logs in as the admin and puts a product on the shelf.
func enter(ctx context.Context, servers *stack.Stack, without string) (*counter, error) {
	c := &counter{http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}}
	for _, service := range []string{"api-1", "api-2"} {
		p := servers.Process(service)
		r := &replica{name: unmetered, api: "http://" + p.Addr(), pid: p.PID()}
		if service != without {
			host, _, _ := net.SplitHostPort(p.Addr())
			r.name, r.metrics = metered, "http://"+net.JoinHostPort(host, "9100")+"/metrics"
		}
		c.replicas = append(c.replicas, r)
	}
	first := c.replicas[0].api
	var session struct{ Token string }
	login := map[string]any{"email": servers.Setting("ADMIN_EMAIL"), "password": servers.Setting("ADMIN_PASSWORD")}
	if err := c.post(ctx, first+"/v1/sessions", login, &session); err != nil {
		return nil, err
	}
	c.token = session.Token
	var product struct{ ID string }
	details := map[string]any{"name": "Product", "price": map[string]any{"amount": 1999, "currency": "EUR"}, "stock": int64(products.MaxStock)}
	err := c.post(ctx, first+"/v1/products", details, &product)
	c.product = product.ID
	return c, err
}

func (c *counter) post(ctx context.Context, url string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	said, err := c.ask(ctx, http.MethodPost, url, text, http.StatusCreated)
	if err != nil {
		return err
	}
	return json.Unmarshal(said, answer)
}

func (c *counter) ask(ctx context.Context, method, url string, body []byte, want int) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != want {
		err = fmt.Errorf("%s %s: %s: %s", method, url, answer.Status, text)
	}
	return text, err
}

// visit looks at the product and buys a piece of it.
func (c *counter) visit(ctx context.Context, r *replica) error {
	if _, err := c.ask(ctx, http.MethodGet, r.api+"/v1/products/"+c.product, nil, http.StatusOK); err != nil {
		return err
	}
	r.asked.Add(1)
	order := []byte(`{"items":[{"product_id":"` + c.product + `","quantity":1}]}`)
	_, err := c.ask(ctx, http.MethodPost, r.api+"/v1/purchases", order, http.StatusCreated)
	r.asked.Add(1)
	return err
}

// scrape asks as Prometheus does.
func (c *counter) scrape(ctx context.Context, r *replica) error {
	tick := time.NewTicker(scrapeEvery)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.metrics, nil)
		if err != nil {
			return err
		}
		request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
		answer, err := c.http.Do(request)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		if _ = answer.Body.Close(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// serve is one round: clients visit the one replica, then the other. What counts is
// what was answered after the warm-up. The first error ends it.
func (c *counter) serve(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var at sync.WaitGroup
	for client := range o.Clients {
		at.Go(func() {
			for turn := client; ctx.Err() == nil; turn++ {
				// What has begun is ended, or the next round would find it under way.
				if err := c.visit(context.WithoutCancel(ctx), c.replicas[turn%len(c.replicas)]); err != nil {
					cancel(err)
				}
			}
		})
	}
	pass(ctx, warmUp)
	for _, r := range c.replicas {
		r.begin()
		if r.metrics != "" {
			at.Go(func() {
				if err := c.scrape(ctx, r); err != nil && ctx.Err() == nil {
					cancel(err)
				}
			})
		}
	}
	pass(ctx, o.Requests)
	for _, r := range c.replicas {
		r.end()
	}
	cause := context.Cause(ctx)
	cancel(nil)
	at.Wait()
	return cause
}

// warmUp is the beginning of a round that does not count.
const warmUp = 500 * time.Millisecond
