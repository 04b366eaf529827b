package app_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"evergreen/services/internal/shoptest"
)

func TestBadPathsAndVerbsAreRefused(t *testing.T) {
	admin := adminOf(t, shared)
	id := shoptest.Product(t, admin, 10)
	get := func(name, path string, status int, code, at, why string) badInput {
		return badInput{name: name, method: "GET", path: path, status: status, code: code, at: at, why: why}
	}
	badID := func(name, id string) badInput {
		return badInput{name: "the id " + name, method: "DELETE", path: "/v1/products/" + id, status: 400, code: "bad-parameter", at: "id", why: "bad-id"}
	}
	noRoute := func(name, path string) badInput { return get(name, path, 404, "no-route", "", "") }
	verb := func(method, path string) badInput {
		return badInput{name: method + " " + path, method: method, path: path, status: 405, code: "no-method"}
	}
	refuseAll(t, admin, []badInput{
		badID("1", "1"), badID("in capitals", strings.ToUpper(id)), badID("in braces", "%7B"+id+"%7D"), badID("as a URN", "urn:uuid:"+id),
		badID("without hyphens", strings.ReplaceAll(id, "-", "")), badID("cut short", id[:35]), badID("with more", id+"0"),
		badID("with a space", id+"%20"), badID("with bad UTF-8", "%ff"), badID("with a wildcard", "*"),
		badID("of 5,000 bytes", strings.Repeat("a", 5000)), badID("with a line break", id+"%0d%0a"),
		get("an id with a null byte", "/v1/products/"+id+"%00", 400, "no-http", "", ""),
		get("an id of nobody", "/v1/products/"+nowhere, 404, "no-product", "", ""),
		get("a stock of nothing", "/v1/products/"+nowhere+"/stock", 404, "no-product", "", ""),
		get("the id of a product for a purchase", "/v1/purchases/"+id, 404, "no-purchase", "", ""),
		get("the id of a product for a user", "/v1/users/"+id, 404, "no-user", "", ""),
		get("a path of 9,000 bytes", "/v1/"+strings.Repeat("a", 9000), 414, "uri-too-long", "", ""),
		noRoute("a trailing slash", "/v1/products/"), noRoute("a trailing slash after an id", "/v1/products/"+id+"/"),
		noRoute("two slashes", "/v1//products"), noRoute("capitals", "/v1/Products"), noRoute("another version", "/v2/products"),
		noRoute("no version", "/products"), noRoute("the root", "/"), noRoute("an escaped slash", "/v1%2Fproducts/"+id+"%2Fstock%2F"),
		noRoute("a path that climbs", "/v1/products/../../metrics"), noRoute("a path that climbs, escaped", "/v1/%2e%2e/metrics"),
		noRoute("a semicolon", "/v1/products;a=b"), noRoute("a file", "/.env"), noRoute("the edge's own page", "/.problem"),
		verb("PUT", "/v1/products"), verb("DELETE", "/v1/products"), verb("PATCH", "/v1/users"), verb("PUT", "/v1/products/"+id),
		verb("POST", "/v1/products/"+id), verb("DELETE", "/v1/products/"+id+"/stock"), verb("PATCH", "/v1/products/"+id+"/stock"),
		verb("GET", "/v1/sessions"), verb("DELETE", "/v1/sessions"), verb("POST", "/v1/sessions/current"), verb("OPTIONS", "/v1/products"),
		verb("GET", "/v1/purchases/"+id+"/pay"), verb("PROPFIND", "/v1/products"), verb("DELETE", "/openapi.yaml"),
	})
}

func TestBadQueriesAreRefused(t *testing.T) {
	admin := adminOf(t, shared)
	cursor := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	list := func(query, at, why string) badInput {
		return badInput{name: "?" + query, method: "GET", path: "/v1/products?" + query, status: 400, code: "bad-parameter", at: at, why: why}
	}
	rows := []badInput{
		list("limit=0", "limit", "bad-limit"), list("limit=-1", "limit", "bad-limit"), list("limit=101", "limit", "bad-limit"),
		list("limit=", "limit", "bad-limit"), list("limit=ten", "limit", "bad-limit"), list("limit=1.0", "limit", "bad-limit"),
		list("limit=1e1", "limit", "bad-limit"), list("limit=0x10", "limit", "bad-limit"), list("limit=+5", "limit", "bad-limit"),
		list("limit=%2B5", "limit", "bad-limit"), list("limit=005", "limit", "bad-limit"), list("limit=99999999999999999999", "limit", "bad-limit"),
		list("limit=5&limit=6", "limit", "duplicate"), list("tag=a&tag=b", "tag", "duplicate"),
		list("cursor=", "cursor", "bad-cursor"), list("cursor=nonsense", "cursor", "bad-cursor"), list("cursor="+nowhere, "cursor", "bad-cursor"),
		list("cursor="+cursor("not an id at all, but 36 characters.."), "cursor", "bad-cursor"), list("cursor="+cursor(strings.ToUpper(nowhere)), "cursor", "bad-cursor"),
		list("cursor="+cursor(nowhere)+"%0A", "cursor", "bad-cursor"), list("cursor="+cursor(nowhere)+"==", "cursor", "bad-cursor"),
		list("catgory=x", "catgory", "unknown"), list("Tag=x", "Tag", "unknown"), list("offset=5", "offset", "unknown"),
		list("tag[]=x", "tag[]", "unknown"), list("%ff=x", "\ufffd", "unknown"), list("=x", "query", "bad-query"),
		list(strings.Repeat("q", 3000)+"=x", strings.Repeat("q", 199)+"…", "unknown"),
		list("tag=", "tag", "bad-value"), list("tag", "tag", "bad-value"), list("tag="+strings.Repeat("t", 321), "tag", "bad-value"),
		list("tag=a%00b", "tag", "bad-value"), list("tag=a%0ab", "tag", "bad-value"), list("tag=%ff", "tag", "bad-value"),
		list("tag=%zz", "query", "bad-query"), list("tag=%", "query", "bad-query"), list("tag=a;limit=5", "query", "bad-query"),
		{name: "users by two emails", method: "GET", path: "/v1/users?email=a&email=b", status: 400, code: "bad-parameter", at: "email", why: "duplicate"},
		{name: "users by name", method: "GET", path: "/v1/users?first_name=Ann", status: 400, code: "bad-parameter", at: "first_name", why: "unknown"},
		{name: "purchases by two statuses", method: "GET", path: "/v1/purchases?status=paid,pending", status: 400, code: "bad-parameter", at: "status", why: "unknown-status"},
		{name: "a query of 9,000 bytes", method: "GET", path: "/v1/products?tag=" + strings.Repeat("t", 9000), status: 414, code: "uri-too-long"},
	}
	refuseAll(t, admin, rows)
}
