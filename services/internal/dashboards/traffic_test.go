package dashboards

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"evergreen/services/internal/shoptest"
)

// traffic is what customers do all day, and what came of it.
type traffic struct {
	admin     *shoptest.Client
	customers []*shoptest.Client
	products  []item

	mu   sync.Mutex
	paid map[string]int64 // minor units, by currency
}

type item struct {
	id, currency string
	price        int64
}

// prices are in currencies of every kind: with hundredths, without a minor unit, with thousandths and ten-thousandths.
var prices = map[string]int64{"EUR": 1999, "USD": 2450, "JPY": 1200, "KWD": 12500, "CLF": 35000}

func begin(t *testing.T, admin *shoptest.Client) *traffic {
	t.Helper()
	all := &traffic{admin: admin, customers: shoptest.Customers(t, admin, 4), paid: map[string]int64{}}
	for currency, price := range prices {
		a := admin.Want(t, http.StatusCreated, "POST", "/v1/products", shoptest.Object{
			"name": "Lamp in " + currency, "price": shoptest.Object{"amount": price, "currency": currency}, "stock": 1_000_000,
		})
		all.products = append(all.products, item{a.Text(t, "id"), currency, price})
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, habit := range []struct {
		each time.Duration
		do   func(context.Context, *shoptest.Client)
	}{
		{15 * time.Millisecond, all.look}, {40 * time.Millisecond, all.buy}, {60 * time.Millisecond, all.buy}, {300 * time.Millisecond, all.err}, {2 * time.Second, all.join},
	} {
		running.Go(func() { all.repeat(ctx, habit.each, habit.do) })
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return all
}

func (all *traffic) repeat(ctx context.Context, each time.Duration, do func(context.Context, *shoptest.Client)) {
	ticker := time.NewTicker(each)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do(ctx, all.customers[rand.IntN(len(all.customers))])
		}
	}
}

// send asks and tells whether the answer was what was wanted. What fails in a fault is the day's business, not an error.
func send(ctx context.Context, c *shoptest.Client, status int, method, path string, body any) (shoptest.Answer, bool) {
	a, err := c.Try(ctx, method, path, body)
	return a, err == nil && a.Status == status
}

func (all *traffic) look(ctx context.Context, c *shoptest.Client) {
	product := all.products[rand.IntN(len(all.products))]
	a, found := send(ctx, c, http.StatusOK, "GET", "/v1/products/"+product.id, nil)
	if found && rand.IntN(4) == 0 {
		send(ctx, c.With("If-None-Match", a.Header.Get("ETag")), http.StatusNotModified, "GET", "/v1/products/"+product.id, nil)
	}
	if rand.IntN(8) == 0 {
		send(ctx, c, http.StatusOK, "GET", "/v1/products?limit=20", nil)
	}
}

// buy makes a purchase and takes it to one of its ends; every fifth is forgotten and expires.
func (all *traffic) buy(ctx context.Context, c *shoptest.Client) {
	product := all.products[rand.IntN(len(all.products))]
	a, made := send(ctx, c, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product.id, 1))
	if !made {
		return
	}
	var purchase shoptest.Purchase
	if json.Unmarshal(a.Body, &purchase) != nil {
		return
	}
	path, how := "/v1/purchases/"+purchase.ID, rand.IntN(10)
	if how == 0 {
		send(ctx, c, http.StatusOK, "POST", path+"/cancel", nil)
	}
	if how < 2 {
		return
	}
	if _, paid := send(ctx, all.admin, http.StatusOK, "POST", path+"/pay", shoptest.Object{"reference": purchase.ID}); paid {
		all.mu.Lock()
		all.paid[product.currency] += product.price
		all.mu.Unlock()
	}
	if how == 2 {
		send(ctx, all.admin, http.StatusOK, "POST", path+"/refund", shoptest.Object{})
	} else {
		send(ctx, all.admin, http.StatusOK, "POST", path+"/fulfil", nil)
	}
}

// err does what clients do wrong.
func (all *traffic) err(ctx context.Context, c *shoptest.Client) {
	send(ctx, c, http.StatusNotFound, "GET", "/v1/products/0190aaaa-0000-7000-8000-000000000000", nil)
	send(ctx, c, http.StatusUnprocessableEntity, "POST", "/v1/purchases", shoptest.Object{"items": []any{}})
	send(ctx, c, http.StatusNotFound, "GET", fmt.Sprintf("/v1/hole-%d", rand.Int()), nil)
	send(ctx, c.Current(), http.StatusOK, "GET", "/v1/products/"+all.products[0].id, nil)
}

// join signs somebody up, in, and out.
func (all *traffic) join(ctx context.Context, _ *shoptest.Client) {
	email := shoptest.Unique("customer") + "@example.com"
	send(ctx, all.admin, http.StatusCreated, "POST", "/v1/users", shoptest.Object{
		"email": email, "password": shoptest.Password, "first_name": "Ann", "last_name": "Lee",
	})
	a, in := send(ctx, all.admin, http.StatusCreated, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": shoptest.Password})
	var session struct{ Token string }
	if in && json.Unmarshal(a.Body, &session) == nil {
		send(ctx, all.admin.As(session.Token), http.StatusNoContent, "DELETE", "/v1/sessions/current", nil)
	}
}

// sellOut sells all there is of some products and tries once more.
func (all *traffic) sellOut(t *testing.T, products int) {
	t.Helper()
	for range products {
		id := shoptest.Product(t, all.admin, 2)
		all.customers[0].Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(id, 2))
		all.customers[0].Refused(t, http.StatusConflict, "insufficient-stock", "POST", "/v1/purchases", shoptest.Order(id, 1))
	}
}

// revenue is what has been paid until now.
func (all *traffic) revenue(currency string) float64 {
	all.mu.Lock()
	defer all.mu.Unlock()
	return float64(all.paid[currency])
}
