package app_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func jsonOf(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

func member(t *testing.T, a answer, name string) any {
	t.Helper()
	var o object
	a.into(t, &o)
	return o[name]
}

// twice sends a keyed request, lets the world go on, and sends it again: the
// second answer has to be the first one, byte for byte.
func twice(t *testing.T, c *client, method, path string, body any, meanwhile func(first answer)) {
	t.Helper()
	keyed := c.with("Idempotency-Key", unique("key"))
	first := keyed.do(t, method, path, body)
	require.Empty(t, first.header.Get("Idempotency-Replayed"), "%s %s", method, path)
	if meanwhile != nil {
		meanwhile(first)
	}
	second := keyed.do(t, method, path, body)
	require.Equal(t, first.status, second.status, "%s %s: %s", method, path, second.body)
	require.Equal(t, "true", second.header.Get("Idempotency-Replayed"), "%s %s: %d", method, path, second.status)
	require.Equal(t, first.header.Get("Location"), second.header.Get("Location"))
	require.Equal(t, first.header.Get("ETag"), second.header.Get("ETag"))
	if first.status < 400 {
		require.Equal(t, string(first.body), string(second.body))
		return
	}
	var one, two problem // only the id of the request differs
	first.into(t, &one)
	second.into(t, &two)
	two.RequestID = one.RequestID
	require.Equal(t, one, two)
}

func TestEveryWriteWithAKeyHasOneOutcome(t *testing.T) {
	admin := adminOf(t, shared)
	ann, annID := customer(t, admin)
	id := product(t, admin, 100)
	path := "/v1/products/" + id
	edit := func(name string) { admin.want(t, 200, "PATCH", path, object{"name": name, "price": euros(5)}) }

	twice(t, admin, "POST", "/v1/products", fullProduct(), func(first answer) {
		admin.want(t, 200, "PATCH", first.header.Get("Location"), object{"name": "Later"})
	})
	twice(t, admin, "PATCH", path, object{"name": "Mine"}, func(answer) { edit("Theirs") })
	twice(t, admin, "POST", path+"/stock", object{"delta": 1, "reason": "r"}, func(answer) {
		admin.want(t, 201, "POST", "/v1/purchases", order(id, 1))
	})
	twice(t, ann, "PATCH", "/v1/users/"+annID, object{"first_name": "Anna"}, func(answer) {
		ann.want(t, 200, "PATCH", "/v1/users/"+annID, object{"first_name": "Annabel"})
	})
	twice(t, admin, "POST", "/v1/users", object{"email": unique("x") + "@example.com", "password": password}, func(first answer) {
		admin.want(t, 204, "DELETE", first.header.Get("Location"), nil)
	})

	var purchase string
	twice(t, ann, "POST", "/v1/purchases", order(id, 2), func(first answer) {
		purchase = first.header.Get("Location")
		edit("Renamed and dearer")
		admin.want(t, 200, "POST", purchase+"/pay", object{"reference": "later"})
	})
	twice(t, admin, "POST", purchase+"/refund", object{"items": []object{{"product_id": id, "quantity": 1}}}, func(answer) {
		admin.want(t, 200, "POST", purchase+"/fulfil", nil)
	})
	other := ann.want(t, 201, "POST", "/v1/purchases", order(id, 2)).header.Get("Location")
	twice(t, admin, "POST", other+"/pay", object{"reference": "p"}, func(answer) { admin.want(t, 200, "POST", other+"/refund", nil) })
	other = ann.want(t, 201, "POST", "/v1/purchases", order(id, 2)).header.Get("Location")
	twice(t, ann, "POST", other+"/cancel", nil, nil)
	other = ann.want(t, 201, "POST", "/v1/purchases", order(id, 2)).header.Get("Location")
	twice(t, ann, "DELETE", other, nil, nil)
	twice(t, admin, "DELETE", path, nil, nil)
	twice(t, admin, "DELETE", "/v1/users/"+annID, nil, nil)
}

func TestARefusalIsRememberedToo(t *testing.T) {
	admin := adminOf(t, shared)
	id := product(t, admin, 1)
	twice(t, admin, "POST", "/v1/purchases", order(id, 2), func(answer) {
		admin.want(t, 200, "POST", "/v1/products/"+id+"/stock", object{"delta": 10, "reason": "delivery"})
	})
	twice(t, admin.with("If-Match", `"9"`), "PATCH", "/v1/products/"+id, object{"name": "x"}, nil)
	require.Equal(t, int64(11), ledgerOf(t, admin, id).Stock)
}

func TestAKeyWithAnotherBodyIsRefused(t *testing.T) {
	admin := adminOf(t, shared)
	id := product(t, admin, 10)
	keyed := admin.with("Idempotency-Key", unique("key"))
	keyed.want(t, 201, "POST", "/v1/purchases", order(id, 1))
	p := keyed.refused(t, 422, "idempotency-key-reused", "POST", "/v1/purchases", order(id, 2))
	require.Equal(t, "Idempotency-Key", p.Errors[0].Parameter)
	require.Equal(t, int64(9), ledgerOf(t, admin, id).Stock)
}

func TestAKeyBelongsToItsUserMethodAndPath(t *testing.T) {
	admin := adminOf(t, shared)
	ann, _ := customer(t, admin)
	id, key := product(t, admin, 10), unique("key")
	admin.with("Idempotency-Key", key).want(t, 201, "POST", "/v1/purchases", order(id, 1))
	second := ann.with("Idempotency-Key", key).want(t, 201, "POST", "/v1/purchases", order(id, 1))
	require.Empty(t, second.header.Get("Idempotency-Replayed"))
	admin.with("Idempotency-Key", key).want(t, 200, "POST", "/v1/products/"+id+"/stock", object{"delta": 1, "reason": "x"})
	require.Equal(t, ledger{Initial: 10, Adjusted: 1, Sold: 2, Stock: 9}, ledgerOf(t, admin, id))
}

func TestAKeyThatCannotBeOneIsRefused(t *testing.T) {
	admin := adminOf(t, shared)
	id := product(t, admin, 10)
	for _, key := range []string{"two words", "ü", strings.Repeat("k", 256)} {
		p := admin.with("Idempotency-Key", key).refused(t, 400, "bad-parameter", "POST", "/v1/purchases", order(id, 1))
		require.Equal(t, "Idempotency-Key", p.Errors[0].Parameter)
	}
	require.Equal(t, int64(10), ledgerOf(t, admin, id).Stock)
}
