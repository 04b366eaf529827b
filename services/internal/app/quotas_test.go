package app_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// bounded starts a shop whose quotas are soon met.
func bounded(t *testing.T, settings map[string]string) (*stack.Stack, *shoptest.Client) {
	t.Helper()
	all := map[string]string{
		"QUOTA_OPEN_PURCHASES": "5", "QUOTA_OPEN_LINES": "40", "QUOTA_OPEN_PIECES": "100", "QUOTA_PRODUCT_PIECES": "30",
		"COOL_DOWN": "3s", "RATE_USER_PER_SECOND": "1000",
	}
	for name, value := range settings {
		all[name] = value
	}
	s := stack.StartT(t, stack.Options{Services: slices.DeleteFunc(stack.Everything(), stack.Watches), Settings: all})
	return s, shoptest.Admin(t, s)
}

// atOnce sends n purchases at the same time, and counts the answers by their status.
func atOnce(t *testing.T, n int, buyer *shoptest.Client, body shoptest.Object) map[int]int {
	t.Helper()
	var wait sync.WaitGroup
	var mutex sync.Mutex
	answers := map[int]int{}
	for range n {
		wait.Go(func() {
			a, err := buyer.Try(context.WithoutCancel(t.Context()), "POST", "/v1/purchases", body)
			mutex.Lock()
			defer mutex.Unlock()
			if answers[a.Status]++; err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	return answers
}

// requireNothingHeld demands that nothing is counted of a user's purchases any more.
func requireNothingHeld(t *testing.T, s *stack.Stack, user string) {
	t.Helper()
	require.Empty(t, asked(t, s, `local left = {}
		for i, v in ipairs(redis.call('HGETALL', KEYS[1])) do
			if i % 2 == 1 and v ~= 'paid' and v ~= 'struck' then left[#left + 1] = v end
		end
		return table.concat(left, ' ')`, "evg:held:"+user))
}

// asked runs a script that reads, over one key.
func asked(t *testing.T, s *stack.Stack, script, key string) string {
	t.Helper()
	primary, err := s.AwaitPrimary(t.Context(), nil)
	require.NoError(t, err)
	reply, err := s.Redis(t.Context(), primary, "EVAL", script, "1", key)
	require.NoError(t, err)
	return reply
}

func TestOfFiftyPurchasesAtOnceAsManyAreMadeAsTheQuotaAllows(t *testing.T) {
	s, admin := bounded(t, nil)
	for name, row := range map[string]struct {
		pieces, most int64
		made         int
	}{
		"five open purchases":        {1, 0, 5},
		"thirty pieces of a product": {10, 0, 3},
		"four per customer":          {1, 4, 4},
	} {
		t.Run(name, func(t *testing.T) {
			buyer, id := shoptest.Customer(t, admin)
			details := shoptest.Object{"name": "Product", "price": shoptest.Euros(100), "stock": 1000}
			if row.most > 0 {
				details["max_per_customer"] = row.most
			}
			product := admin.Want(t, 201, "POST", "/v1/products", details).Text(t, "id")
			answers := atOnce(t, 50, buyer, shoptest.Order(product, row.pieces))
			require.Equal(t, row.made, answers[http.StatusCreated], "%v", answers)
			require.Equal(t, 50-row.made, answers[http.StatusTooManyRequests]+answers[http.StatusConflict], "%v", answers)
			require.Equal(t, int64(row.made)*row.pieces, shoptest.LedgerOf(t, admin, product).Sold)
			for _, p := range shoptest.Purchases(t, buyer, "/v1/purchases?limit=100") {
				admin.Want(t, 200, "POST", "/v1/purchases/"+p.ID+"/cancel", nil)
			}
			requireNothingHeld(t, s, id)
		})
	}
}

func TestEachQuotaSaysWhichItIsAndHoldsNoAdminBack(t *testing.T) {
	s, admin := bounded(t, map[string]string{"QUOTA_OPEN_PURCHASES": "2"})
	product := shoptest.Product(t, admin, 100_000)
	lines := func(n int, pieces int64) shoptest.Object {
		all := make([]shoptest.Object, n)
		for i := range all {
			all[i] = shoptest.Line(shoptest.Product(t, admin, 1000), pieces)
		}
		return shoptest.Object{"items": all}
	}
	many := lines(41, 1)
	for _, row := range []struct {
		code string
		body shoptest.Object
	}{
		{"quota-open-lines", many}, {"quota-open-pieces", lines(5, 21)}, {"quota-product-pieces", shoptest.Order(product, 31)},
	} {
		t.Run(row.code, func(t *testing.T) {
			buyer, id := shoptest.Customer(t, admin)
			buyer.Refused(t, 429, row.code, "POST", "/v1/purchases", row.body)
			requireNothingHeld(t, s, id)
			admin.Want(t, 201, "POST", "/v1/purchases", row.body)
			row.body["user_id"] = id
			admin.Want(t, 201, "POST", "/v1/purchases", row.body)
			requireNothingHeld(t, s, id)
		})
	}
	buyer, _ := shoptest.Customer(t, admin)
	one := shoptest.Order(product, 1)
	buyer.Want(t, 201, "POST", "/v1/purchases", one)
	keyed := buyer.Keyed("second")
	second := keyed.Want(t, 201, "POST", "/v1/purchases", one)
	p := buyer.Keyed("third").Want(t, 429, "POST", "/v1/purchases", one)
	require.Equal(t, "quota-open-purchases", p.Text(t, "code"))
	require.Equal(t, "60", p.Header.Get("Retry-After"))

	again := keyed.Want(t, 201, "POST", "/v1/purchases", one)
	require.Equal(t, string(second.Body), string(again.Body), "a retry of an accepted purchase gets its outcome over the quota")
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))

	admin.Want(t, 200, "POST", "/v1/purchases/"+second.Text(t, "id")+"/pay", shoptest.Object{"reference": "r"})
	third := buyer.Keyed("third").Want(t, 201, "POST", "/v1/purchases", one)
	require.Empty(t, third.Header.Get("Idempotency-Replayed"), "a quota's refusal is no outcome")
}

func TestAQuotaOnNginxsSecondTryLeavesTheOutcomeUnknown(t *testing.T) {
	s, admin := bounded(t, map[string]string{"QUOTA_OPEN_PURCHASES": "1"})
	product := shoptest.Product(t, admin, 100)
	buyer, _ := shoptest.Customer(t, admin)
	buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 1))
	second := buyer.At("http://"+s.Process("api-1").Addr()).From(s.Net+".4").With("X-Retried", "1")
	second.Refused(t, 503, "outcome-unknown", "POST", "/v1/purchases", shoptest.Order(product, 1))
}

func TestWhatWasBoughtCountsForMaxPerCustomerUntilItIsRefunded(t *testing.T) {
	s, admin := bounded(t, nil)
	buyer, id := shoptest.Customer(t, admin)
	product := admin.Want(t, 201, "POST", "/v1/products",
		shoptest.Object{"name": "Scarce", "price": shoptest.Euros(100), "stock": 100, "max_per_customer": 4}).Text(t, "id")
	path := "/v1/purchases/" + buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 3)).Text(t, "id")
	admin.Want(t, 200, "POST", path+"/pay", shoptest.Object{"reference": "r"})

	p := buyer.Refused(t, 409, "max-per-customer", "POST", "/v1/purchases", shoptest.Order(product, 2))
	require.Equal(t, int64(1), *p.Errors[0].Available)
	require.Equal(t, "/items/0/quantity", p.Errors[0].Pointer)
	admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 20))

	admin.Want(t, 200, "POST", path+"/refund", shoptest.Object{"items": []shoptest.Object{{"product_id": product, "quantity": 1}}})
	buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 2))
	admin.Want(t, 200, "POST", path+"/refund", nil)
	buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 2))
	buyer.Refused(t, 409, "max-per-customer", "POST", "/v1/purchases", shoptest.Order(product, 1))

	admin.Want(t, 200, "PATCH", "/v1/products/"+product, shoptest.Object{"max_per_customer": nil})
	buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 1))
	for _, p := range shoptest.Purchases(t, buyer, "/v1/purchases?status=pending") {
		admin.Want(t, 200, "POST", "/v1/purchases/"+p.ID+"/cancel", nil)
	}
	requireNothingHeld(t, s, id)
}

func TestACustomerWhoCancelsAgainAndAgainCannotHoldTheStock(t *testing.T) {
	_, admin := bounded(t, map[string]string{"COOL_DOWN": "1h"})
	attacker, _ := shoptest.Customer(t, admin)
	competitor, _ := shoptest.Customer(t, admin)
	product, other := shoptest.Product(t, admin, 10), shoptest.Product(t, admin, 10)
	for range 4 {
		id := attacker.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 10)).Text(t, "id")
		attacker.Want(t, 200, "POST", "/v1/purchases/"+id+"/cancel", nil)
	}
	a := attacker.Want(t, 429, "POST", "/v1/purchases", shoptest.Order(product, 10))
	require.Equal(t, "cool-down", a.Text(t, "code"))
	require.Regexp(t, `^1[12]\d\d$`, a.Header.Get("Retry-After"), "a third of an hour")
	attacker.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(other, 1))
	competitor.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 10))
}

func TestAfterAnExpiryTheCustomerWaitsAndOthersBuy(t *testing.T) {
	_, admin := bounded(t, map[string]string{"RESERVATION": "1s"})
	sleeper, _ := shoptest.Customer(t, admin)
	product := shoptest.Product(t, admin, 10)
	sleeper.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 10))
	require.Eventually(t, func() bool { return shoptest.LedgerOf(t, admin, product).Stock == 10 }, 10*time.Second,
		100*time.Millisecond)
	a := sleeper.Want(t, 429, "POST", "/v1/purchases", shoptest.Order(product, 1))
	require.Equal(t, "cool-down", a.Text(t, "code"))
	require.Regexp(t, `^[123]$`, a.Header.Get("Retry-After"))
	admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 1))
	var made atomic.Bool
	require.Eventually(t, func() bool {
		made.Store(sleeper.Do(t, "POST", "/v1/purchases", shoptest.Order(product, 1)).Status == 201)
		return made.Load()
	}, 10*time.Second, 200*time.Millisecond)
}
