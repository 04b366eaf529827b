package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func fullProduct() object {
	return object{
		"sku": unique("SKU"), "family": "chain-bracelet", "options": object{"Color": "Blue"}, "name": "Chain bracelet ✓ \"quoted\"",
		"description": "Seven chakras.\nTwo colours.", "category": unique("category"), "company": "Company 123",
		"tags": []string{"Beads", unique("tag")}, "attributes": object{"weight_g": 120, "handmade": true, "material": "stone"},
		"price": euros(4299), "stock": 7, "date_manufactured": "2026-01-31",
	}
}

func TestAProductIsReadAsItWasWritten(t *testing.T) {
	admin, anyone := adminOf(t, shared), newClient(shared.URL())
	in := fullProduct()
	made := admin.want(t, 201, "POST", "/v1/products", in)
	read := anyone.want(t, 200, "GET", made.header.Get("Location"), nil)
	require.Equal(t, string(made.body), string(read.body))
	require.Equal(t, `"1.7"`, read.header.Get("ETag"))

	var out object
	read.into(t, &out)
	for _, name := range []string{"id", "version", "created_at", "updated_at"} {
		require.NotEmpty(t, out[name], name)
		delete(out, name)
	}
	require.Equal(t, jsonOf(t, in), jsonOf(t, out))
}

func TestANameAndAPriceAreEnoughForAProduct(t *testing.T) {
	admin := adminOf(t, shared)
	made := admin.want(t, 201, "POST", "/v1/products", object{"name": "Plain", "price": euros(1)})
	require.Equal(t, "0", made.text(t, "stock"))
	require.Contains(t, string(made.body), `"tags":[]`)
	require.Contains(t, string(made.body), `"options":{}`)
	p := admin.refused(t, 422, "invalid", "POST", "/v1/products", object{"stock": -1})
	pointers := map[string]string{}
	for _, e := range p.Errors {
		pointers[e.Pointer] = e.Code
	}
	require.Equal(t, map[string]string{"/name": "required", "/price": "required", "/stock": "too-small"}, pointers)
}

func TestASaleChangesTheETagAndNotTheVersion(t *testing.T) {
	admin, anyone := adminOf(t, shared), newClient(shared.URL())
	id := product(t, admin, 3)
	path := "/v1/products/" + id
	etag := anyone.want(t, 200, "GET", path, nil).header.Get("ETag")
	anyone.with("If-None-Match", etag).want(t, 304, "GET", path, nil)
	admin.want(t, 201, "POST", "/v1/purchases", order(id, 1))
	sold := anyone.with("If-None-Match", etag).want(t, 200, "GET", path, nil)
	require.Equal(t, `"1.2"`, sold.header.Get("ETag"))
	require.Equal(t, "1", sold.text(t, "version"))
	admin.with("If-Match", etag).want(t, 200, "PATCH", path, object{"name": "A sale does not make an edit stale"})
}

func TestAMergePatchChangesWhatItNames(t *testing.T) {
	admin := adminOf(t, shared)
	in := fullProduct()
	path := admin.want(t, 201, "POST", "/v1/products", in).header.Get("Location")
	changed := admin.want(t, 200, "PATCH", path, object{
		"price": object{"amount": 100}, "options": object{"Size": "L", "Color": nil}, "category": nil, "sku": nil, "tags": []string{"New"},
	})
	require.Equal(t, `"2.7"`, changed.header.Get("ETag"))
	require.JSONEq(t, `{"amount":100,"currency":"EUR"}`, jsonOf(t, member(t, changed, "price")))
	require.JSONEq(t, `{"Size":"L"}`, jsonOf(t, member(t, changed, "options")))
	require.Empty(t, changed.text(t, "category"))
	require.NotContains(t, string(changed.body), `"sku"`)
	require.Equal(t, in["name"], changed.text(t, "name"))
	require.Equal(t, string(changed.body), string(admin.want(t, 200, "GET", path, nil).body))

	for pointer, patch := range map[string]object{
		"/stock": {"stock": 5}, "/name": {"name": nil}, "/price/amount": {"price": object{"amount": -1}},
		"/id": {"id": "x"}, "/version": {"version": 9}, "/family": {"family": "Not A Handle"},
	} {
		p := admin.refused(t, 422, "invalid", "PATCH", path, patch)
		require.Equal(t, pointer, p.Errors[0].Pointer)
	}
	admin.want(t, 201, "POST", "/v1/products", object{"name": "Freed", "price": euros(1), "sku": in["sku"]})
}

func TestAStaleIfMatchIsRefusedAndWritesNothing(t *testing.T) {
	admin := adminOf(t, shared)
	path := "/v1/products/" + product(t, admin, 1)
	admin.want(t, 200, "PATCH", path, object{"name": "Second"})
	admin.with("If-Match", `"1.1"`).refused(t, 412, "stale", "PATCH", path, object{"name": "Third"})
	admin.with("If-Match", `"1.1"`).refused(t, 412, "stale", "DELETE", path, nil)
	require.Equal(t, "Second", admin.want(t, 200, "GET", path, nil).text(t, "name"))
	admin.with("If-Match", `"2.1"`).want(t, 204, "DELETE", path, nil)
	admin.refused(t, 404, "no-product", "GET", path, nil)
	admin.refused(t, 404, "no-product", "DELETE", path, nil)
	admin.refused(t, 404, "no-product", "PATCH", path, object{"name": "x"})
}

func TestASKUBelongsToOneProduct(t *testing.T) {
	admin := adminOf(t, shared)
	sku := unique("SKU")
	first := admin.want(t, 201, "POST", "/v1/products", object{"name": "One", "price": euros(1), "sku": sku}).text(t, "id")
	p := admin.refused(t, 409, "sku-taken", "POST", "/v1/products", object{"name": "Two", "price": euros(1), "sku": sku})
	require.Equal(t, "/sku", p.Errors[0].Pointer)
	require.Contains(t, p.Detail, first)
	other := product(t, admin, 0)
	admin.refused(t, 409, "sku-taken", "PATCH", "/v1/products/"+other, object{"sku": sku})
	admin.want(t, 204, "DELETE", "/v1/products/"+first, nil)
	admin.want(t, 200, "PATCH", "/v1/products/"+other, object{"sku": sku})
}

func TestProductsAreFoundByEveryFilterTogether(t *testing.T) {
	admin, anyone := adminOf(t, shared), newClient(shared.URL())
	category, tag := unique("category"), unique("tag")
	add := func(category string, tags ...string) string {
		return admin.want(t, 201, "POST", "/v1/products", object{
			"name": "P", "price": euros(1), "category": category, "tags": tags, "family": "f", "sku": unique("S")}).text(t, "id")
	}
	both, onlyCategory, onlyTag := add(category, tag), add(category), add("other", tag)
	require.Equal(t, []string{both}, pages(t, anyone, "/v1/products?tag="+tag+"&category="+category+"&family=f"))
	require.Equal(t, []string{onlyCategory, both}, pages(t, anyone, "/v1/products?limit=1&category="+category))
	require.Equal(t, []string{onlyTag, both}, pages(t, anyone, "/v1/products?tag="+tag))
	admin.want(t, 200, "PATCH", "/v1/products/"+both, object{"category": "moved", "tags": []string{}})
	require.Equal(t, []string{onlyCategory}, pages(t, anyone, "/v1/products?category="+category))
	require.Equal(t, []string{onlyTag}, pages(t, anyone, "/v1/products?tag="+tag))
	require.Empty(t, pages(t, anyone, "/v1/products?sku=nobody"))
}

func TestStockIsAdjustedWithAReasonAndNeverBelowZero(t *testing.T) {
	admin := adminOf(t, shared)
	path := "/v1/products/" + product(t, admin, 5) + "/stock"
	require.JSONEq(t, `{"initial":5,"adjusted":-2,"sold":0,"returned":0,"stock":3}`,
		string(admin.want(t, 200, "POST", path, object{"delta": -2, "reason": "broken", "external_ref": "A1"}).body))
	p := admin.refused(t, 409, "insufficient-stock", "POST", path, object{"delta": -4, "reason": "count"})
	require.EqualValues(t, 3, *p.Errors[0].Available)
	admin.refused(t, 409, "external-ref-used", "POST", path, object{"delta": -2, "reason": "broken", "external_ref": "A1"})
	admin.refused(t, 409, "too-much-stock", "POST", path, object{"delta": 1_000_000_000, "reason": "x"})
	admin.refused(t, 422, "invalid", "POST", path, object{"delta": 0, "reason": "nothing"})
	require.JSONEq(t, `{"initial":5,"adjusted":-2,"sold":0,"returned":0,"stock":3}`, string(admin.want(t, 200, "GET", path, nil).body))

	buyer, _ := customer(t, admin)
	buyer.refused(t, 403, "forbidden", "GET", path, nil)
	buyer.refused(t, 403, "forbidden", "POST", path, object{"delta": 1, "reason": "x"})
}
