package app_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/texttest"
)

// The largest that is allowed passes; the tables of bad input have one more of each.
func TestTheLargestThatIsAllowedPasses(t *testing.T) {
	admin := adminOf(t, shared)
	wide := func(n int) string { return strings.Repeat("é", n) }
	product := admin.Want(t, 201, "POST", "/v1/products", `{"sku":"`+shoptest.Unique("s")+strings.Repeat("y", 88)+`","family":"`+strings.Repeat("f", 100)+
		`","name":"`+wide(200)+`","description":"`+wide(9998)+`\n\t","category":"`+wide(100)+`","company":"`+wide(100)+
		`","tags":[`+numbered(50, `"`+wide(48)+`%02d"`)+`],"options":{`+numbered(10, `"`+wide(48)+`%02d":"`+wide(200)+`"`)+
		`},"attributes":{`+numbered(50, `"`+wide(48)+`%02d":"`+strings.Repeat("y", 998)+`"`)+
		`},"price":{"amount":1000000000000000,"currency":"EUR"},"stock":1000000000,"date_manufactured":"2026-11-21T10:00:00.5+01:00"}`)
	id := product.Text(t, "id")
	texttest.Contains(t, string(product.Body), `"stock":1000000000`)
	admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1))

	email := "a@" + strings.Repeat(strings.Repeat("b", 61)+".", 4) + "com"
	require.LessOrEqual(t, len(email), 254)
	user := admin.Want(t, 201, "POST", "/v1/users",
		shoptest.Object{"email": email, "password": wide(128), "first_name": wide(100), "last_name": wide(100)}).Header.Get("Location")
	admin.Want(t, 200, "PATCH", user, shoptest.Object{"password": strings.Repeat("p", 12)})
	admin.Want(t, 201, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": strings.Repeat("p", 12)})

	stock := "/v1/products/" + admin.Want(t, 201, "POST", "/v1/products", newProduct("", "")).Text(t, "id") + "/stock"
	admin.Want(t, 200, "POST", stock, shoptest.Object{"delta": 1_000_000_000, "reason": wide(500), "external_ref": wide(200)})
	admin.Want(t, 200, "POST", stock, shoptest.Object{"delta": -1_000_000_000, "reason": "x"})
	admin.Want(t, 200, "GET", "/v1/products?limit=100&tag="+strings.Repeat("t", 320), nil)
	admin.With("Idempotency-Key", shoptest.Unique("~")+strings.Repeat("!", 240)).Want(t, 201, "POST", "/v1/products", newProduct("", ""))
}

func TestAPurchaseOf1000LinesPassesAndItsQuantitiesMayBeTheLargest(t *testing.T) {
	admin := adminOf(t, shared)
	cheap := admin.Want(t, 201, "POST", "/v1/products", shoptest.Object{"name": "Nail", "price": shoptest.Euros(0), "stock": 1_000_000_000}).Text(t, "id")
	items := make([]shoptest.Object, 1000)
	for i := range items {
		items[i] = shoptest.Object{"product_id": cheap, "quantity": 1_000_000}
	}
	made := admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Object{"items": items, "external_ref": shoptest.Unique(strings.Repeat("r", 189))})
	require.Zero(t, shoptest.LedgerOf(t, admin, cheap).Stock)
	admin.Want(t, 200, "POST", made.Header.Get("Location")+"/pay", shoptest.Object{"reference": strings.Repeat("é", 200)})
	admin.Want(t, 200, "POST", made.Header.Get("Location")+"/refund", shoptest.Object{"items": []shoptest.Object{{"product_id": cheap, "quantity": 1_000_000_000}}})
}

func TestABodyOfOneMebibytePassesAndOneByteMoreDoesNot(t *testing.T) {
	admin := adminOf(t, shared)
	body := newProduct("", "")
	body += strings.Repeat(" ", 1<<20-len(body))
	admin.Want(t, 201, "POST", "/v1/products", body)
	before := digest(t)
	admin.Refused(t, 413, "too-large", "POST", "/v1/products", body+" ")
	past := shoptest.New(direct("api-1")).As(admin.Token()) // the API has the limit, too
	past.Refused(t, 413, "too-large", "POST", "/v1/products", body+" ")
	require.Equal(t, before, digest(t))
}

func TestNullIsAnEmptyListOfTexts(t *testing.T) {
	made := adminOf(t, shared).Want(t, 201, "POST", "/v1/products", more(`"tags":null,"options":null,"attributes":null`))
	texttest.Contains(t, string(made.Body), `"options":{}`)
	texttest.Contains(t, string(made.Body), `"tags":[],"attributes":{}`)
}
