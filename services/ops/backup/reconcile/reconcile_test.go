package reconcile_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/ops/backup/reconcile"
	"evergreen/services/ops/backup/scratch"
	"evergreen/services/ops/redisnode"
)

// sold is a shop in which every kind of write has happened, and what of it is broken in copies.
type sold struct {
	primary                           *redisnode.Node
	product, spare, pending, customer string
}

// sell has customers and an admin do all that writes.
func sell(t *testing.T) sold {
	t.Helper()
	services := append(stack.RedisAndSentinels(), "api-1", "api-2", "nginx-a")
	s := stack.StartT(t, stack.Options{Services: services, Settings: stack.WithHighQuotas(nil)})
	admin := shoptest.Admin(t, s)
	customer, id := shoptest.Customer(t, admin)
	product := admin.Want(t, http.StatusCreated, "POST", "/v1/products", shoptest.Object{
		"name": "Lamp", "sku": "LAMP-1", "family": "lamps", "category": "light: indoor", "tags": []string{"a", "b:c"},
		"price": shoptest.Euros(1999), "stock": 100, "max_per_customer": 50,
	}).Text(t, "id")
	spare, gone := shoptest.Product(t, admin, 100), shoptest.Product(t, admin, 5)
	admin.Want(t, http.StatusOK, "PATCH", "/v1/products/"+product, shoptest.Object{"sku": "LAMP-2", "tags": []string{"b:c"}})
	admin.Want(t, http.StatusOK, "POST", "/v1/products/"+product+"/stock",
		shoptest.Object{"delta": -7, "reason": "lost", "external_ref": "count-1"})

	buy := func(c *shoptest.Client, items ...shoptest.Object) string {
		return c.Want(t, http.StatusCreated, "POST", "/v1/purchases",
			shoptest.Object{"items": items, "external_ref": shoptest.Unique("order")}).Text(t, "id")
	}
	act := func(c *shoptest.Client, purchase, action string, body any) {
		c.Want(t, http.StatusOK, "POST", "/v1/purchases/"+purchase+"/"+action, body)
	}
	pending := buy(customer, shoptest.Line(product, 3), shoptest.Line(spare, 2))
	act(customer, buy(customer, shoptest.Line(product, 4)), "cancel", nil)
	buy(customer, shoptest.Line(gone, 1))
	paid := buy(customer, shoptest.Line(product, 5), shoptest.Line(spare, 1))
	act(admin, paid, "pay", shoptest.Object{"reference": "r1"})
	act(admin, paid, "refund", shoptest.Object{"items": []shoptest.Object{shoptest.Line(product, 2)}, "external_ref": "back-1"})
	act(admin, paid, "fulfil", nil)
	whole := buy(admin, shoptest.Line(spare, 6))
	act(admin, whole, "pay", shoptest.Object{"reference": "r2"})
	act(admin, whole, "refund", nil)
	admin.Want(t, http.StatusNoContent, "DELETE", "/v1/products/"+gone, nil)
	leaver, leaving := shoptest.Customer(t, admin)
	buy(leaver, shoptest.Line(spare, 1))
	admin.Want(t, http.StatusNoContent, "DELETE", "/v1/users/"+leaving, nil)
	_, never := shoptest.Customer(t, admin)
	admin.Want(t, http.StatusNoContent, "DELETE", "/v1/users/"+never, nil)

	name, err := s.Primary(t.Context())
	require.NoError(t, err)
	as := redisnode.Login{User: s.Setting("REDIS_ADMIN_USER"), Password: s.Setting("REDIS_ADMIN_PASSWORD")}
	primary, err := redisnode.Dial(t.Context(), s.Process(name).Addr(), as)
	require.NoError(t, err)
	t.Cleanup(primary.Close)
	return sold{primary, product, spare, pending, id}
}

// copied is a scratch server with a copy of the shop's data.
func (s sold) copied(t *testing.T) *redisnode.Node {
	t.Helper()
	node := empty(t)
	_, err := s.primary.Copy(t.Context(), node, "*", func(string) bool { return false }, func(redisnode.Copied) error { return nil })
	require.NoError(t, err)
	return node
}

// empty is a scratch server without data.
func empty(t *testing.T) *redisnode.Node {
	t.Helper()
	server, err := scratch.Empty(t.Context(), t.TempDir(), scratch.Limits{})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	return server.Node()
}

func TestEveryFaultOfADataSetIsFoundAndARealShopHasNone(t *testing.T) {
	s := sell(t)
	report, err := reconcile.Check(t.Context(), s.copied(t), reconcile.Expect{CommitSeq: 1, NewestPurchase: s.pending})
	require.NoError(t, err)
	require.NoError(t, report.Err())
	require.EqualValues(t, 2, report.Products)
	require.EqualValues(t, 6, report.Purchases)
	require.EqualValues(t, 2, report.Users, "the admin and a customer")
	require.Equal(t, redisdb.Layout, report.Layout)
	require.Greater(t, report.HeartbeatMillis, int64(1))

	product, purchase, user := redisdb.KeyProduct(s.product), redisdb.KeyPurchase(s.pending), redisdb.KeyUser(s.customer)
	for name, fault := range map[string]struct {
		command []any
		said    string
	}{
		"a piece more in stock":              {[]any{"HINCRBY", product, "stock", 1}, "the stock is"},
		"a stock below zero":                 {[]any{"HSET", product, "stock", -5, "adjusted", -96}, "the stock is -5"},
		"a sale without a purchase":          {[]any{"HSET", product, "sold", 13, "stock", 84}, "differs by +1"},
		"a purchase without its sale":        {[]any{"DEL", purchase}, "differs by"},
		"a purchase in no list of a user":    {[]any{"ZREM", redisdb.KeyUserPurchases(s.customer), s.pending}, "is not in"},
		"a purchase in no list":              {[]any{"ZREM", redisdb.KeyAllPurchases(), s.pending}, "is not in"},
		"an entry without its purchase":      {[]any{"ZADD", redisdb.KeyAllPurchases(), 0, "x"}, "7 entries"},
		"a pending purchase that never ends": {[]any{"ZREM", redisdb.KeyReservations(), s.pending}, "is not in"},
		"a purchase of an unknown status":    {[]any{"HSET", purchase, "status", "sent"}, "its status is"},
		"a purchase whose lines are cut off": {[]any{"HSET", purchase, "lines", "\x97\x03"}, "cannot be read"},
		"a purchase with another total":      {[]any{"HSET", purchase, "total", 1}, "its lines make"},
		"a purchase without its user":        {[]any{"DEL", user}, "does not exist"},
		"a user with another email":          {[]any{"HSET", user, "email", "x@example.com"}, "evg:user_email:x@example.com leads to"},
		"a product in no list":               {[]any{"ZREM", redisdb.KeyProducts(), s.product}, "is not in"},
		"a product that is only listed":      {[]any{"DEL", product}, "does not exist"},
		"a product in no list of its tag":    {[]any{"ZREM", redisdb.KeyProductsBy("tag", "b:c"), s.product}, "is not in"},
		"a list with another product":        {[]any{"ZADD", redisdb.KeyProductsBy("tag", "z"), 0, s.spare}, "places in them"},
		"a SKU of another product":           {[]any{"SET", redisdb.KeyProductSKU("LAMP-2"), s.spare}, "leads to"},
		"a body of another version":          {[]any{"HSET", product, "version", 9}, "its version is 9"},
		"an unknown kind of key":             {[]any{"SET", "evg:surprise", 1}, "is of no known kind"},
		"a key outside of the shop":          {[]any{"SET", "other", 1}, "is of no known kind"},
		"a key of another type":              {[]any{"LPUSH", redisdb.KeyRequest("x"), 1}, "is a list and should be a string"},
		"a layout of a newer version":        {[]any{"SET", redisdb.KeySchema(), redisdb.Layout + 1}, "the data has layout"},
		"no layout at all":                   {[]any{"DEL", redisdb.KeySchema()}, "is missing"},
		"an earlier commit sequence":         {[]any{"SET", redisdb.KeyCommitSeq(), 1}, "the commit sequence is 1"},
	} {
		t.Run(name, func(t *testing.T) {
			node := s.copied(t)
			_, err := node.Do(t.Context(), fault.command...)
			require.NoError(t, err)
			report, err := reconcile.Check(t.Context(), node, reconcile.Expect{CommitSeq: 2})
			require.NoError(t, err)
			require.ErrorIs(t, report.Err(), reconcile.ErrWrong)
			require.Contains(t, strings.Join(report.Wrong, "\n"), fault.said)
		})
	}
}

func TestTheListOfFaultsIsBoundedAndTheyAreAllCounted(t *testing.T) {
	node := empty(t)
	commands := make([]redisnode.Command, 500)
	for i := range commands {
		commands[i] = redisnode.Command{"SET", redisdb.KeyProductSKU(shoptest.Unique("sku")), "nothing"}
	}
	require.NoError(t, node.Transaction(t.Context(), commands))
	report, err := reconcile.Check(t.Context(), node, reconcile.Expect{})
	require.NoError(t, err)
	require.Len(t, report.Wrong, 20)
	require.Greater(t, report.Faults, int64(500))
}
