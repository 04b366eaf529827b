package app_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

func jsonOf(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

func member(t *testing.T, a shoptest.Answer, name string) any {
	t.Helper()
	var o shoptest.Object
	a.Into(t, &o)
	return o[name]
}

// twice sends a keyed request, lets the world go on, and sends it again: the
// second answer has to be the first one, byte for byte.
func twice(t *testing.T, c *shoptest.Client, method, path string, body any, meanwhile func(first shoptest.Answer)) {
	t.Helper()
	keyed := c.With("Idempotency-Key", shoptest.Unique("key"))
	first := keyed.Do(t, method, path, body)
	require.Empty(t, first.Header.Get("Idempotency-Replayed"), "%s %s", method, path)
	if meanwhile != nil {
		meanwhile(first)
	}
	second := keyed.Do(t, method, path, body)
	require.Equal(t, first.Status, second.Status, "%s %s: %s", method, path, second.Body)
	require.Equal(t, "true", second.Header.Get("Idempotency-Replayed"), "%s %s: %d", method, path, second.Status)
	require.Equal(t, first.Header.Get("Location"), second.Header.Get("Location"))
	require.Equal(t, first.Header.Get("ETag"), second.Header.Get("ETag"))
	if first.Status < 400 {
		require.Equal(t, string(first.Body), string(second.Body))
		return
	}
	var one, two shoptest.Problem // only the id of the request differs
	first.Into(t, &one)
	second.Into(t, &two)
	two.RequestID = one.RequestID
	require.Equal(t, one, two)
}

func TestEveryWriteWithAKeyHasOneOutcome(t *testing.T) {
	admin := adminOf(t, shared)
	ann, annID := shoptest.Customer(t, admin)
	id := shoptest.Product(t, admin, 100)
	path := "/v1/products/" + id
	edit := func(name string) {
		admin.Want(t, 200, "PATCH", path, shoptest.Object{"name": name, "price": shoptest.Euros(5)})
	}

	twice(t, admin, "POST", "/v1/products", fullProduct(), func(first shoptest.Answer) {
		admin.Want(t, 200, "PATCH", first.Header.Get("Location"), shoptest.Object{"name": "Later"})
	})
	twice(t, admin, "PATCH", path, shoptest.Object{"name": "Mine"}, func(shoptest.Answer) { edit("Theirs") })
	twice(t, admin, "POST", path+"/stock", shoptest.Object{"delta": 1, "reason": "r"}, func(shoptest.Answer) {
		admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1))
	})
	twice(t, ann, "PATCH", "/v1/users/"+annID, shoptest.Object{"first_name": "Anna"}, func(shoptest.Answer) {
		ann.Want(t, 200, "PATCH", "/v1/users/"+annID, shoptest.Object{"first_name": "Annabel"})
	})
	twice(t, admin, "POST", "/v1/users", shoptest.Object{"email": shoptest.Unique("x") + "@example.com", "password": shoptest.Password}, func(first shoptest.Answer) {
		admin.Want(t, 204, "DELETE", first.Header.Get("Location"), nil)
	})

	var purchase string
	twice(t, ann, "POST", "/v1/purchases", shoptest.Order(id, 2), func(first shoptest.Answer) {
		purchase = first.Header.Get("Location")
		edit("Renamed and dearer")
		admin.Want(t, 200, "POST", purchase+"/pay", shoptest.Object{"reference": "later"})
	})
	twice(t, admin, "POST", purchase+"/refund", shoptest.Object{"items": []shoptest.Object{{"product_id": id, "quantity": 1}}}, func(shoptest.Answer) {
		admin.Want(t, 200, "POST", purchase+"/fulfil", nil)
	})
	other := ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 2)).Header.Get("Location")
	twice(t, admin, "POST", other+"/pay", shoptest.Object{"reference": "p"}, func(shoptest.Answer) { admin.Want(t, 200, "POST", other+"/refund", nil) })
	other = ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 2)).Header.Get("Location")
	twice(t, ann, "POST", other+"/cancel", nil, nil)
	other = ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 2)).Header.Get("Location")
	twice(t, ann, "DELETE", other, nil, nil)
	twice(t, admin, "DELETE", path, nil, nil)
	twice(t, admin, "DELETE", "/v1/users/"+annID, nil, nil)
}

func TestARefusalIsRememberedToo(t *testing.T) {
	admin := adminOf(t, shared)
	id := shoptest.Product(t, admin, 1)
	twice(t, admin, "POST", "/v1/purchases", shoptest.Order(id, 2), func(shoptest.Answer) {
		admin.Want(t, 200, "POST", "/v1/products/"+id+"/stock", shoptest.Object{"delta": 10, "reason": "delivery"})
	})
	twice(t, admin.With("If-Match", `"9"`), "PATCH", "/v1/products/"+id, shoptest.Object{"name": "x"}, nil)
	require.Equal(t, int64(11), shoptest.LedgerOf(t, admin, id).Stock)
}

func TestAKeyWithAnotherBodyIsRefused(t *testing.T) {
	admin := adminOf(t, shared)
	id := shoptest.Product(t, admin, 10)
	keyed := admin.With("Idempotency-Key", shoptest.Unique("key"))
	keyed.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1))
	p := keyed.Refused(t, 422, "idempotency-key-reused", "POST", "/v1/purchases", shoptest.Order(id, 2))
	require.Equal(t, "Idempotency-Key", p.Errors[0].Parameter)
	require.Equal(t, int64(9), shoptest.LedgerOf(t, admin, id).Stock)
}

func TestAKeyBelongsToItsUserMethodAndPath(t *testing.T) {
	admin := adminOf(t, shared)
	ann, _ := shoptest.Customer(t, admin)
	id, key := shoptest.Product(t, admin, 10), shoptest.Unique("key")
	admin.With("Idempotency-Key", key).Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1))
	second := ann.With("Idempotency-Key", key).Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1))
	require.Empty(t, second.Header.Get("Idempotency-Replayed"))
	admin.With("Idempotency-Key", key).Want(t, 200, "POST", "/v1/products/"+id+"/stock", shoptest.Object{"delta": 1, "reason": "x"})
	require.Equal(t, shoptest.Ledger{Initial: 10, Adjusted: 1, Sold: 2, Stock: 9}, shoptest.LedgerOf(t, admin, id))
}

func TestAKeyThatCannotBeOneIsRefused(t *testing.T) {
	admin := adminOf(t, shared)
	id := shoptest.Product(t, admin, 10)
	for _, key := range []string{"two words", "ü", strings.Repeat("k", 256)} {
		p := admin.With("Idempotency-Key", key).Refused(t, 400, "bad-parameter", "POST", "/v1/purchases", shoptest.Order(id, 1))
		require.Equal(t, "Idempotency-Key", p.Errors[0].Parameter)
	}
	require.Equal(t, int64(10), shoptest.LedgerOf(t, admin, id).Stock)
}
