package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/texttest"
)

func fullProduct() shoptest.Object {
	return shoptest.Object{
		"sku": shoptest.Unique("SKU"), "family": "chain-bracelet", "options": shoptest.Object{"Color": "Blue"}, "name": "Chain bracelet ✓ \"quoted\"",
		"description": "Seven chakras.\nTwo colours.", "category": shoptest.Unique("category"), "company": "Company 123",
		"tags": []string{"Beads", shoptest.Unique("tag")}, "attributes": shoptest.Object{"weight_g": 120, "handmade": true, "material": "stone"},
		"price": shoptest.Euros(4299), "stock": 7, "date_manufactured": "2026-01-31",
	}
}

func TestAProductIsReadAsItWasWritten(t *testing.T) {
	admin, anyone := adminOf(t, shared), shoptest.New(shared.URL())
	in := fullProduct()
	made := admin.Want(t, 201, "POST", "/v1/products", in)
	read := anyone.Want(t, 200, "GET", made.Header.Get("Location"), nil)
	require.Equal(t, string(made.Body), string(read.Body))
	require.Equal(t, `"1.7"`, read.Header.Get("ETag"))

	var out shoptest.Object
	read.Into(t, &out)
	for _, name := range []string{"id", "version", "created_at", "updated_at"} {
		require.NotEmpty(t, out[name], name)
		delete(out, name)
	}
	require.Equal(t, jsonOf(t, in), jsonOf(t, out))
}

func TestANameAndAPriceAreEnoughForAProduct(t *testing.T) {
	admin := adminOf(t, shared)
	made := admin.Want(t, 201, "POST", "/v1/products", shoptest.Object{"name": "Plain", "price": shoptest.Euros(1)})
	require.Equal(t, "0", made.Text(t, "stock"))
	texttest.Contains(t, string(made.Body), `"tags":[]`)
	texttest.Contains(t, string(made.Body), `"options":{}`)
	p := admin.Refused(t, 422, "invalid", "POST", "/v1/products", shoptest.Object{"stock": -1})
	pointers := map[string]string{}
	for _, e := range p.Errors {
		pointers[e.Pointer] = e.Code
	}
	require.Equal(t, map[string]string{"/name": "required", "/price": "required", "/stock": "too-small"}, pointers)
}

func TestASaleChangesTheETagAndNotTheVersion(t *testing.T) {
	admin, anyone := adminOf(t, shared), shoptest.New(shared.URL())
	id := shoptest.Product(t, admin, 3)
	path := "/v1/products/" + id
	etag := anyone.Want(t, 200, "GET", path, nil).Header.Get("ETag")
	anyone.With("If-None-Match", etag).Want(t, 304, "GET", path, nil)
	admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1))
	sold := anyone.With("If-None-Match", etag).Want(t, 200, "GET", path, nil)
	require.Equal(t, `"1.2"`, sold.Header.Get("ETag"))
	require.Equal(t, "1", sold.Text(t, "version"))
	admin.With("If-Match", etag).Want(t, 200, "PATCH", path, shoptest.Object{"name": "A sale does not make an edit stale"})
}

func TestAMergePatchChangesWhatItNames(t *testing.T) {
	admin := adminOf(t, shared)
	in := fullProduct()
	path := admin.Want(t, 201, "POST", "/v1/products", in).Header.Get("Location")
	changed := admin.Want(t, 200, "PATCH", path, shoptest.Object{
		"price": shoptest.Object{"amount": 100}, "options": shoptest.Object{"Size": "L", "Color": nil}, "category": nil, "sku": nil, "tags": []string{"New"},
	})
	require.Equal(t, `"2.7"`, changed.Header.Get("ETag"))
	require.JSONEq(t, `{"amount":100,"currency":"EUR"}`, jsonOf(t, member(t, changed, "price")))
	require.JSONEq(t, `{"Size":"L"}`, jsonOf(t, member(t, changed, "options")))
	require.Empty(t, changed.Text(t, "category"))
	texttest.NotContains(t, string(changed.Body), `"sku"`)
	require.Equal(t, in["name"], changed.Text(t, "name"))
	require.Equal(t, string(changed.Body), string(admin.Want(t, 200, "GET", path, nil).Body))

	for pointer, patch := range map[string]shoptest.Object{
		"/stock": {"stock": 5}, "/name": {"name": nil}, "/price/amount": {"price": shoptest.Object{"amount": -1}},
		"/id": {"id": "x"}, "/version": {"version": 9}, "/family": {"family": "Not A Handle"},
	} {
		p := admin.Refused(t, 422, "invalid", "PATCH", path, patch)
		require.Equal(t, pointer, p.Errors[0].Pointer)
	}
	admin.Want(t, 201, "POST", "/v1/products", shoptest.Object{"name": "Freed", "price": shoptest.Euros(1), "sku": in["sku"]})
}

func TestAStaleIfMatchIsRefusedAndWritesNothing(t *testing.T) {
	admin := adminOf(t, shared)
	path := "/v1/products/" + shoptest.Product(t, admin, 1)
	admin.Want(t, 200, "PATCH", path, shoptest.Object{"name": "Second"})
	admin.With("If-Match", `"1.1"`).Refused(t, 412, "stale", "PATCH", path, shoptest.Object{"name": "Third"})
	admin.With("If-Match", `"1.1"`).Refused(t, 412, "stale", "DELETE", path, nil)
	require.Equal(t, "Second", admin.Want(t, 200, "GET", path, nil).Text(t, "name"))
	admin.With("If-Match", `"2.1"`).Want(t, 204, "DELETE", path, nil)
	admin.Refused(t, 404, "no-product", "GET", path, nil)
	admin.Refused(t, 404, "no-product", "DELETE", path, nil)
	admin.Refused(t, 404, "no-product", "PATCH", path, shoptest.Object{"name": "x"})
}

func TestASKUBelongsToOneProduct(t *testing.T) {
	admin := adminOf(t, shared)
	sku := shoptest.Unique("SKU")
	first := admin.Want(t, 201, "POST", "/v1/products", shoptest.Object{"name": "One", "price": shoptest.Euros(1), "sku": sku}).Text(t, "id")
	p := admin.Refused(t, 409, "sku-taken", "POST", "/v1/products", shoptest.Object{"name": "Two", "price": shoptest.Euros(1), "sku": sku})
	require.Equal(t, "/sku", p.Errors[0].Pointer)
	require.Contains(t, p.Detail, first)
	other := shoptest.Product(t, admin, 0)
	admin.Refused(t, 409, "sku-taken", "PATCH", "/v1/products/"+other, shoptest.Object{"sku": sku})
	admin.Want(t, 204, "DELETE", "/v1/products/"+first, nil)
	admin.Want(t, 200, "PATCH", "/v1/products/"+other, shoptest.Object{"sku": sku})
}

func TestProductsAreFoundByEveryFilterTogether(t *testing.T) {
	admin, anyone := adminOf(t, shared), shoptest.New(shared.URL())
	category, tag := shoptest.Unique("category"), shoptest.Unique("tag")
	add := func(category string, tags ...string) string {
		return admin.Want(t, 201, "POST", "/v1/products", shoptest.Object{
			"name": "P", "price": shoptest.Euros(1), "category": category, "tags": tags, "family": "f", "sku": shoptest.Unique("S")}).Text(t, "id")
	}
	both, onlyCategory, onlyTag := add(category, tag), add(category), add("other", tag)
	require.Equal(t, []string{both}, pages(t, anyone, "/v1/products?tag="+tag+"&category="+category+"&family=f"))
	require.Equal(t, []string{onlyCategory, both}, pages(t, anyone, "/v1/products?limit=1&category="+category))
	require.Equal(t, []string{onlyTag, both}, pages(t, anyone, "/v1/products?tag="+tag))
	admin.Want(t, 200, "PATCH", "/v1/products/"+both, shoptest.Object{"category": "moved", "tags": []string{}})
	require.Equal(t, []string{onlyCategory}, pages(t, anyone, "/v1/products?category="+category))
	require.Equal(t, []string{onlyTag}, pages(t, anyone, "/v1/products?tag="+tag))
	require.Empty(t, pages(t, anyone, "/v1/products?sku=nobody"))
}

func TestStockIsAdjustedWithAReasonAndNeverBelowZero(t *testing.T) {
	admin := adminOf(t, shared)
	path := "/v1/products/" + shoptest.Product(t, admin, 5) + "/stock"
	require.JSONEq(t, `{"initial":5,"adjusted":-2,"sold":0,"returned":0,"stock":3}`,
		string(admin.Want(t, 200, "POST", path, shoptest.Object{"delta": -2, "reason": "broken", "external_ref": "A1"}).Body))
	p := admin.Refused(t, 409, "insufficient-stock", "POST", path, shoptest.Object{"delta": -4, "reason": "count"})
	require.EqualValues(t, 3, *p.Errors[0].Available)
	admin.Refused(t, 409, "external-ref-used", "POST", path, shoptest.Object{"delta": -2, "reason": "broken", "external_ref": "A1"})
	admin.Refused(t, 409, "too-much-stock", "POST", path, shoptest.Object{"delta": 1_000_000_000, "reason": "x"})
	admin.Refused(t, 422, "invalid", "POST", path, shoptest.Object{"delta": 0, "reason": "nothing"})
	require.JSONEq(t, `{"initial":5,"adjusted":-2,"sold":0,"returned":0,"stock":3}`, string(admin.Want(t, 200, "GET", path, nil).Body))

	buyer, _ := shoptest.Customer(t, admin)
	buyer.Refused(t, 403, "forbidden", "GET", path, nil)
	buyer.Refused(t, 403, "forbidden", "POST", path, shoptest.Object{"delta": 1, "reason": "x"})
}
