package app_test

import (
	"fmt"
	"net/http"
	"testing"

	"evergreen/services/internal/shoptest"
)

const nowhere = "01934f4e-6c5a-7b3e-9d52-0a4f8c7b6e21"

func TestBadPurchasesAreRefused(t *testing.T) {
	admin := adminOf(t, shared)
	ann, annID := shoptest.Customer(t, admin)
	_, bobID := shoptest.Customer(t, admin)
	id := shoptest.Product(t, admin, 1_000_000_000)
	few := shoptest.Product(t, admin, 3)
	dollars := admin.Want(t, 201, "POST", "/v1/products",
		shoptest.Object{"name": "Import", "price": shoptest.Object{"amount": 1, "currency": "USD"}, "stock": 5}).Text(t, "id")
	dear := admin.Want(t, 201, "POST", "/v1/products",
		shoptest.Object{"name": "Diamond", "price": shoptest.Euros(1_000_000_000_000_000), "stock": 5}).Text(t, "id")
	used := shoptest.Unique("order")
	ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Object{"items": []shoptest.Object{{"product_id": id, "quantity": 1}}, "external_ref": used})

	line := func(member string) string { return fmt.Sprintf(`{"items":[{"product_id":%q,%s}]}`, id, member) }
	buy := func(name string, who *shoptest.Client, body any, status int, code, at, why string) badInput {
		return badInput{name: name, who: who, method: "POST", path: "/v1/purchases", body: body, status: status, code: code, at: at, why: why}
	}
	invalid := func(name string, body any, at, why string) badInput {
		return buy(name, ann, body, 422, "invalid", at, why)
	}
	lines := func(n int, quantity int64) shoptest.Object {
		items := make([]shoptest.Object, n)
		for i := range items {
			items[i] = shoptest.Object{"product_id": id, "quantity": quantity}
		}
		return shoptest.Object{"items": items}
	}

	refuseAll(t, admin, []badInput{
		invalid("no lines", `{}`, "/items", "required"),
		invalid("an empty list of lines", `{"items":[]}`, "/items", "too-small"),
		invalid("null for lines", `{"items":null}`, "/items", "wrong-type"),
		invalid("null for a line", `{"items":[null]}`, "/items/0", "wrong-type"),
		invalid("an object for lines", `{"items":{}}`, "/items", "wrong-type"),
		invalid("an array for a line", `{"items":[["a",1]]}`, "/items/0", "wrong-type"),
		invalid("1,001 lines", lines(1001, 1), "/items", "too-large"),
		invalid("no quantity", line(`"x":1`), "/items/0/x", "unknown"),
		invalid("a quantity of 0", line(`"quantity":0`), "/items/0/quantity", "required"),
		invalid("a negative quantity", line(`"quantity":-1`), "/items/0/quantity", "too-small"),
		invalid("half a piece", line(`"quantity":0.5`), "/items/0/quantity", "wrong-type"),
		invalid("a quantity as text", line(`"quantity":"1"`), "/items/0/quantity", "wrong-type"),
		invalid("a quantity over the maximum", line(`"quantity":1000001`), "/items/0/quantity", "too-large"),
		invalid("null for a quantity", line(`"quantity":null`), "/items/0/quantity", "wrong-type"),
		invalid("a line without a product", `{"items":[{"quantity":1}]}`, "/items/0/product_id", "required"),
		invalid("a product's id that is none", `{"items":[{"product_id":"1","quantity":1}]}`, "/items/0/product_id", "bad-id"),
		invalid("a product's id in braces", fmt.Sprintf(`{"items":[{"product_id":"{%s}","quantity":1}]}`, id), "/items/0/product_id", "bad-id"),
		invalid("a status of one's own", fmt.Sprintf(`{"items":[{"product_id":%q,"quantity":1}],"status":"paid"}`, id), "/status", "unknown"),
		invalid("a total of one's own", fmt.Sprintf(`{"items":[{"product_id":%q,"quantity":1}],"total":{"amount":1,"currency":"EUR"}}`, id), "/total", "unknown"),
		invalid("a control character in external_ref", shoptest.Object{"items": shoptest.Order(id, 1)["items"], "external_ref": "a\tb"}, "/external_ref", "control-character"),
		invalid("the second line is wrong", fmt.Sprintf(`{"items":[{"product_id":%q,"quantity":1},{"product_id":%q,"quantity":-5}]}`, id, few), "/items/1/quantity", "too-small"),
		buy("a product that does not exist", ann, shoptest.Order(nowhere, 1), 422, "unknown-product", "/items/0/product_id", "unknown-product"),
		buy("more than there is", ann, shoptest.Order(few, 4), 409, "insufficient-stock", "/items/0/quantity", "insufficient-stock"),
		buy("more than there is, over two lines", ann, shoptest.Object{"items": []shoptest.Object{{"product_id": few, "quantity": 2}, {"product_id": few, "quantity": 2}}},
			409, "insufficient-stock", "/items/0/quantity", "insufficient-stock"),
		buy("a total that passes the maximum", ann, shoptest.Order(dear, 2), 422, "invalid", "/items", "total-too-large"),
		buy("lines whose sum passes the maximum", ann, shoptest.Object{"items": []shoptest.Object{{"product_id": dear, "quantity": 1}, {"product_id": id, "quantity": 1}}},
			422, "invalid", "/items", "total-too-large"),
		buy("quantities that overflow the total", admin, shoptest.Object{"items": []shoptest.Object{{"product_id": id, "quantity": 1_000_000, "unit_price": shoptest.Euros(1_000_000_000_000_000)}}},
			422, "invalid", "/items", "total-too-large"),
		buy("two currencies", ann, shoptest.Object{"items": []shoptest.Object{{"product_id": id, "quantity": 1}, {"product_id": dollars, "quantity": 1}}},
			422, "invalid", "/items", "currencies"),
		buy("a price by a customer", ann, shoptest.Object{"items": []shoptest.Object{{"product_id": id, "quantity": 1, "unit_price": shoptest.Euros(1)}}},
			403, "forbidden", "/items/0/unit_price", "forbidden"),
		buy("a purchase for somebody else by a customer", ann, shoptest.Object{"items": shoptest.Order(id, 1)["items"], "user_id": bobID},
			403, "forbidden", "/user_id", "forbidden"),
		buy("a buyer who does not exist", admin, shoptest.Object{"items": shoptest.Order(id, 1)["items"], "user_id": nowhere}, 422, "invalid", "/user_id", "unknown-user"),
		buy("a buyer that is no id", admin, shoptest.Object{"items": shoptest.Order(id, 1)["items"], "user_id": "ann"}, 422, "invalid", "/user_id", "bad-id"),
		buy("an agreed price without an amount", admin, line(`"quantity":1,"unit_price":{"currency":"EUR"}`), 422, "invalid", "/items/0/unit_price/amount", "required"),
		buy("null for an agreed price", admin, line(`"quantity":1,"unit_price":null`), 422, "invalid", "/items/0/unit_price", "wrong-type"),
		buy("a negative agreed price", admin, line(`"quantity":1,"unit_price":{"amount":-1,"currency":"EUR"}`), 422, "invalid", "/items/0/unit_price/amount", "too-small"),
		buy("an agreed price in another currency", admin, shoptest.Object{"items": []shoptest.Object{{"product_id": id, "quantity": 1}, {"product_id": id, "quantity": 1,
			"unit_price": shoptest.Object{"amount": 1, "currency": "USD"}}}}, 422, "invalid", "/items", "currencies"),
		buy("an order that was imported before", ann, shoptest.Object{"items": shoptest.Order(id, 1)["items"], "external_ref": used}, 409, "external-ref-used", "/external_ref", "used"),
		buy("nobody", shoptest.New(shared.URL()), shoptest.Order(id, 1), 401, "no-session", "", ""),
		{name: "a list of somebody else's", who: ann, method: "GET", path: "/v1/purchases?user_id=" + bobID, status: 403, code: "forbidden", at: "user_id", why: "forbidden"},
		{name: "a status that does not exist", who: ann, method: "GET", path: "/v1/purchases?status=lost", status: 400, code: "bad-parameter", at: "status", why: "unknown-status"},
		{name: "a buyer's id that is none", method: "GET", path: "/v1/purchases?user_id=" + annID[:35], status: 400, code: "bad-parameter", at: "user_id", why: "bad-id"},
	})
}

func TestBadMovesOfPurchasesAreRefused(t *testing.T) {
	admin := adminOf(t, shared)
	ann, _ := shoptest.Customer(t, admin)
	bob, _ := shoptest.Customer(t, admin)
	id, other := shoptest.Product(t, admin, 100), shoptest.Product(t, admin, 100)
	bought := func() string {
		return ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 5)).Header.Get("Location")
	}
	pending, paid, cancelled := bought(), bought(), bought()
	admin.Want(t, 200, "POST", paid+"/pay", shoptest.Object{"reference": "r"})
	ann.Want(t, 200, "POST", cancelled+"/cancel", nil)
	refund := func(name, body, at, why string) badInput {
		return badInput{name: "a refund with " + name, method: "POST", path: paid + "/refund", body: body, status: 422, code: "invalid", at: at, why: why}
	}
	refuseAll(t, admin, []badInput{
		{name: "somebody else reads", who: bob, method: "GET", path: pending, status: 404, code: "no-purchase"},
		{name: "somebody else cancels", who: bob, method: "POST", path: pending + "/cancel", status: 404, code: "no-purchase"},
		{name: "somebody else deletes", who: bob, method: "DELETE", path: pending, status: 404, code: "no-purchase"},
		{name: "a customer pays", who: ann, method: "POST", path: pending + "/pay", body: shoptest.Object{"reference": "r"}, status: 403, code: "forbidden"},
		{name: "a customer fulfils", who: ann, method: "POST", path: paid + "/fulfil", status: 403, code: "forbidden"},
		{name: "a customer refunds", who: ann, method: "POST", path: paid + "/refund", status: 403, code: "forbidden"},
		{name: "a payment without a reference", method: "POST", path: pending + "/pay", body: `{}`, status: 422, code: "invalid", at: "/reference", why: "required"},
		{name: "a payment with a blank reference", method: "POST", path: pending + "/pay", body: `{"reference":"  "}`, status: 422, code: "invalid", at: "/reference", why: "blank"},
		{name: "a payment with a number for a reference", method: "POST", path: pending + "/pay", body: `{"reference":17}`, status: 422, code: "invalid", at: "/reference", why: "wrong-type"},
		{name: "a payment without a body", method: "POST", path: pending + "/pay", status: 415, code: "unsupported-media-type", at: "Content-Type", why: "unsupported"},
		{name: "paid twice", method: "POST", path: paid + "/pay", body: shoptest.Object{"reference": "again"}, status: 409, code: "wrong-status"},
		{name: "fulfilled before it was paid", method: "POST", path: pending + "/fulfil", status: 409, code: "wrong-status"},
		{name: "cancelled after it was paid", who: ann, method: "POST", path: paid + "/cancel", status: 409, code: "wrong-status"},
		{name: "cancelled twice", who: ann, method: "POST", path: cancelled + "/cancel", status: 409, code: "wrong-status"},
		{name: "a cancel with members", who: ann, method: "POST", path: pending + "/cancel", body: `{"reason":"x"}`, status: 422, code: "invalid", at: "/reason", why: "unknown"},
		{name: "a cancel with null", who: ann, method: "POST", path: pending + "/cancel", body: `null`, status: 422, code: "invalid", why: "wrong-type"},
		{name: "a deletion with members", who: ann, method: "DELETE", path: pending, body: shoptest.Order(id, 1), status: 422, code: "invalid", at: "/items", why: "unknown"},
		{name: "a deletion with half a body", who: ann, method: "DELETE", path: pending, body: `{"items`, status: 400, code: "bad-json"},
		refund("null", `null`, "", "wrong-type"),
		refund("null for its lines", `{"items":null}`, "/items", "wrong-type"),
		refund("no lines", `{"items":[]}`, "/items", "too-small"),
		refund("a negative quantity", fmt.Sprintf(`{"items":[{"product_id":%q,"quantity":-1}]}`, id), "/items/0/quantity", "too-small"),
		refund("a quantity of 0", fmt.Sprintf(`{"items":[{"product_id":%q,"quantity":0}]}`, id), "/items/0/quantity", "required"),
		refund("an unknown member", `{"lines":[]}`, "/lines", "unknown"),
		refund("a blank external_ref", `{"external_ref":" "}`, "/external_ref", "blank"),
		{name: "a refund of more than was bought", method: "POST", path: paid + "/refund", body: shoptest.Order(id, 6), status: 409, code: "more-than-left", at: "/items/0/quantity", why: "more-than-left"},
		{name: "a refund of another product", method: "POST", path: paid + "/refund", body: shoptest.Order(other, 1), status: 409, code: "more-than-left", at: "/items/0/quantity", why: "more-than-left"},
		{name: "a refund of too much over two lines", method: "POST", path: paid + "/refund", body: shoptest.Object{"items": []shoptest.Object{{"product_id": id, "quantity": 3}, {"product_id": id, "quantity": 3}}},
			status: 409, code: "more-than-left", at: "/items/1/quantity", why: "more-than-left"},
		{name: "a refund before it was paid", method: "POST", path: pending + "/refund", status: 409, code: "wrong-status"},
		{name: "a refund of what does not exist", method: "POST", path: "/v1/purchases/" + nowhere + "/refund", status: http.StatusNotFound, code: "no-purchase"},
		{name: "a purchase cannot be patched", method: "PATCH", path: pending, body: shoptest.Object{"status": "paid"}, status: 405, code: "no-method"},
	})
}
