package app_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/config"
	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/products"
	"evergreen/services/internal/purchases"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/web"
)

// connected gives a DB of its own on the shared stack, for the stores that are used here without HTTP.
func connected(t *testing.T) *redisdb.DB {
	t.Helper()
	db := redisdb.New(redisdb.Settings{
		MasterName: shared.Setting("REDIS_MASTER_NAME"), Sentinels: shared.Sentinels(), User: config.UserOf("api", config.Layout), Password: shared.Setting("REDIS_API_PASSWORD"),
		SentinelUser: config.UserOf("api", config.Layout), SentinelPassword: shared.Setting("REDIS_API_PASSWORD"), Deadline: 10 * time.Second, Replica: t.Name(),
	}, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	db.Start()
	t.Cleanup(func() { require.NoError(t, db.Stop()) })
	return db
}

// edited are products of which each is changed right after it was looked up, as often as times says.
type edited struct {
	*products.Store
	times int
	edit  func()
}

// Lookup gives the products as they were before the change.
func (e *edited) Lookup(ctx context.Context, ids []string) ([]products.Product, error) {
	found, err := e.Store.Lookup(ctx, ids)
	if e.times--; e.times >= 0 {
		e.edit()
	}
	return found, err
}

// The script answers "changed meanwhile", and the purchase is made anew under the same request id. Were that answer
// remembered as the request's outcome, each further try would only be told it again.
func TestAPurchaseWhoseProductChangesMeanwhileIsMadeAnewUnderTheSameKey(t *testing.T) {
	admin := adminOf(t, shared)
	_, buyer := shoptest.Customer(t, admin)
	id, db := shoptest.Product(t, admin, 10), connected(t)
	price := 2000
	catalogue := &edited{Store: products.NewStore(db, time.Now, web.NewID), times: 2, edit: func() {
		price++
		admin.Want(t, 200, "PATCH", "/v1/products/"+id, shoptest.Object{"price": shoptest.Object{"amount": price, "currency": "EUR"}})
	}}
	shop := purchases.NewStore(db, catalogue, time.Minute, purchases.Quotas{}, func() int64 { return 0 }, web.NewID, nil)
	maker := idempotency.NewMaker([]byte("a secret of at least 32 characters"))
	for name, key := range map[string]string{"a client's key": shoptest.Unique("key"), "the shop's own id": ""} {
		catalogue.times = 2
		sold := shoptest.LedgerOf(t, admin, id).Sold
		change := web.Change{Actor: buyer, Request: maker.Make(idempotency.Source{
			Key: key, RequestID: web.NewID(), User: buyer, Method: "POST", Path: "/v1/purchases",
		})}
		order := purchases.CreateInput{Items: []purchases.Line{{ProductID: id, Quantity: 1}}}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		made, first, err := shop.Create(ctx, change, purchases.Buyer{ID: buyer}, order)
		cancel()
		require.NoError(t, err, name)
		require.Equal(t, price, priceOf(t, admin, made), "%s: the price after the last change", name)
		again, second, err := shop.Create(t.Context(), change, purchases.Buyer{ID: buyer}, order)
		require.NoError(t, err, name)
		require.Equal(t, made, again, name)
		require.True(t, !first.Replayed && second.Replayed, name)
		require.Equal(t, sold+1, shoptest.LedgerOf(t, admin, id).Sold, name)
	}
}

// priceOf is the total of a purchase.
func priceOf(t *testing.T, admin *shoptest.Client, purchase string) int {
	t.Helper()
	var body struct{ Total struct{ Amount int } }
	admin.Current().Want(t, 200, "GET", "/v1/purchases/"+purchase, nil).Into(t, &body)
	return body.Total.Amount
}

// A change that was not acknowledged can be lost with a primary. The next change then makes the same version anew.
func TestAProductOfTheSameVersionAndAnotherTimeIsReadAgain(t *testing.T) {
	admin := adminOf(t, shared)
	_, buyer := shoptest.Customer(t, admin)
	id, db := shoptest.Product(t, admin, 10), connected(t)
	shop := purchases.NewStore(db, products.NewStore(db, time.Now, web.NewID), time.Minute, purchases.Quotas{}, func() int64 { return 0 }, web.NewID, nil)
	buy := func() int {
		change := web.Change{Actor: buyer, Request: idempotency.Request{ID: web.NewID()}}
		made, _, err := shop.Create(t.Context(), change, purchases.Buyer{ID: buyer}, purchases.CreateInput{Items: []purchases.Line{{ProductID: id, Quantity: 1}}})
		require.NoError(t, err)
		return priceOf(t, admin, made)
	}
	before := buy()
	primary, err := shared.AwaitPrimary(t.Context(), nil)
	require.NoError(t, err)
	changed, err := shared.Redis(t.Context(), primary, "EVAL", `
		local p = redis.call('HMGET', KEYS[1], 'body', 'updated')
		local body, n = string.gsub(p[1], '"amount":%d+', '"amount":31')
		local time, m = string.gsub(body, '"updated_at":"[^"]+"', '"updated_at":"2001-01-01T00:00:00.000Z"')
		redis.call('HSET', KEYS[1], 'body', time, 'updated', '978307200000')
		return n + m`, "1", "evg:product:"+id)
	require.NoError(t, err)
	require.Equal(t, "2", changed)
	require.NotEqual(t, 31, before)
	require.Equal(t, 31, buy())
}
