package app_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The largest that is allowed passes; the tables of bad input have one more of each.
func TestTheLargestThatIsAllowedPasses(t *testing.T) {
	admin := adminOf(t, shared)
	wide := func(n int) string { return strings.Repeat("é", n) }
	product := admin.want(t, 201, "POST", "/v1/products", `{"sku":"`+unique("s")+strings.Repeat("y", 90)+`","family":"`+strings.Repeat("f", 100)+
		`","name":"`+wide(200)+`","description":"`+wide(9998)+`\n\t","category":"`+wide(100)+`","company":"`+wide(100)+
		`","tags":[`+numbered(50, `"`+wide(48)+`%02d"`)+`],"options":{`+numbered(10, `"`+wide(48)+`%02d":"`+wide(200)+`"`)+
		`},"attributes":{`+numbered(50, `"`+wide(48)+`%02d":"`+strings.Repeat("y", 998)+`"`)+
		`},"price":{"amount":1000000000000000,"currency":"EUR"},"stock":1000000000,"date_manufactured":"2026-11-21T10:00:00.5+01:00"}`)
	id := product.text(t, "id")
	require.Contains(t, string(product.body), `"stock":1000000000`)
	admin.want(t, 201, "POST", "/v1/purchases", order(id, 1))

	email := "a@" + strings.Repeat(strings.Repeat("b", 61)+".", 4) + "com"
	require.LessOrEqual(t, len(email), 254)
	user := admin.want(t, 201, "POST", "/v1/users",
		object{"email": email, "password": wide(128), "first_name": wide(100), "last_name": wide(100)}).header.Get("Location")
	admin.want(t, 200, "PATCH", user, object{"password": strings.Repeat("p", 12)})
	admin.want(t, 201, "POST", "/v1/sessions", object{"email": email, "password": strings.Repeat("p", 12)})

	stock := "/v1/products/" + admin.want(t, 201, "POST", "/v1/products", newProduct("", "")).text(t, "id") + "/stock"
	admin.want(t, 200, "POST", stock, object{"delta": 1_000_000_000, "reason": wide(500), "external_ref": wide(200)})
	admin.want(t, 200, "POST", stock, object{"delta": -1_000_000_000, "reason": "x"})
	admin.want(t, 200, "GET", "/v1/products?limit=100&tag="+strings.Repeat("t", 320), nil)
	admin.with("Idempotency-Key", unique("~")+strings.Repeat("!", 240)).want(t, 201, "POST", "/v1/products", newProduct("", ""))
}

func TestAPurchaseOf1000LinesPassesAndItsQuantitiesMayBeTheLargest(t *testing.T) {
	admin := adminOf(t, shared)
	cheap := admin.want(t, 201, "POST", "/v1/products", object{"name": "Nail", "price": euros(0), "stock": 1_000_000_000}).text(t, "id")
	items := make([]object, 1000)
	for i := range items {
		items[i] = object{"product_id": cheap, "quantity": 1_000_000}
	}
	made := admin.want(t, 201, "POST", "/v1/purchases", object{"items": items, "external_ref": unique(strings.Repeat("r", 190))})
	require.Zero(t, ledgerOf(t, admin, cheap).Stock)
	admin.want(t, 200, "POST", made.header.Get("Location")+"/pay", object{"reference": strings.Repeat("é", 200)})
	admin.want(t, 200, "POST", made.header.Get("Location")+"/refund", object{"items": []object{{"product_id": cheap, "quantity": 1_000_000_000}}})
}

func TestABodyOfOneMebibytePassesAndOneByteMoreDoesNot(t *testing.T) {
	admin := adminOf(t, shared)
	body := newProduct("", "")
	body += strings.Repeat(" ", 1<<20-len(body))
	admin.want(t, 201, "POST", "/v1/products", body)
	before := digest(t)
	admin.refused(t, 413, "too-large", "POST", "/v1/products", body+" ")
	past := newClient(direct("api-1")).as(admin.token) // the API has the limit, too
	past.refused(t, 413, "too-large", "POST", "/v1/products", body+" ")
	require.Equal(t, before, digest(t))
}

func TestNullIsAnEmptyListOfTexts(t *testing.T) {
	made := adminOf(t, shared).want(t, 201, "POST", "/v1/products", more(`"tags":null,"options":null,"attributes":null`))
	require.Contains(t, string(made.body), `"options":{}`)
	require.Contains(t, string(made.body), `"tags":[],"attributes":{}`)
}
