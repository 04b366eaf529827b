package app_test

import (
	"fmt"
	"strings"
	"testing"

	"evergreen/services/internal/shoptest"
)

// newProduct is the text of a valid product with more members; old is replaced by with.
func newProduct(old, with string) string {
	return strings.Replace(`{"name":"x","price":{"amount":1,"currency":"EUR"}}`, old, with, 1)
}

// more is the text of a valid product with one more member.
func more(member string) string { return newProduct(`{"name"`, `{`+member+`,"name"`) }

func TestBadProductsAreRefused(t *testing.T) {
	admin := adminOf(t, shared)
	post := func(name, body string, status int, code, at, why string) badInput {
		return badInput{name: name, method: "POST", path: "/v1/products", body: body, status: status, code: code, at: at, why: why}
	}
	invalid := func(name, body, at, why string) badInput { return post(name, body, 422, "invalid", at, why) }
	broken := func(name, body, at string) badInput { return post(name, body, 400, "bad-json", at, "syntax") }
	long := strings.Repeat("y", 300)

	refuseAll(t, admin, []badInput{
		// The JSON itself.
		post("nothing at all", "", 400, "bad-json", "", ""),
		post("white space", " \n", 400, "bad-json", "", ""),
		post("two values", `{} {}`, 400, "bad-json", "", ""),
		broken("cut off", `{"name":"x"`, ""),
		broken("NaN", newProduct(`1`, `NaN`), "/price/amount"),
		broken("Infinity", newProduct(`1`, `-Infinity`), "/price/amount"),
		broken("a hexadecimal number", newProduct(`1`, `0x1`), "/price"),
		broken("a number with a leading zero", newProduct(`1`, `01`), "/price"),
		broken("a plus sign", newProduct(`1`, `+1`), "/price/amount"),
		broken("a trailing comma", newProduct(`"EUR"`, `"EUR",`), "/price"),
		broken("a comment", newProduct(`{"name"`, `{/* hm */"name"`), ""),
		broken("single quotes", `{'name':'x'}`, ""),
		broken("bad UTF-8 in a value", newProduct("x", "\xff"), "/name"),
		broken("bad UTF-8 in a name", more("\"\xff\":1"), ""),
		broken("half of a surrogate pair", newProduct("x", `\ud800`), "/name"),
		broken("a null byte", newProduct("x", "a\x00b"), "/name"),
		broken("a byte order mark", "\ufeff"+newProduct("", ""), ""),
		broken("UTF-16", "{\x00\"\x00", ""),
		broken("10,000 levels", more(`"attributes":{"a":`+strings.Repeat("[", 10_001)+strings.Repeat("]", 10_001)+`}`), "/attributes/a"+strings.Repeat("/0", 93)+"…"),

		// Members.
		invalid("an array for an object", `[]`, "", "wrong-type"),
		invalid("null for an object", `null`, "", "wrong-type"),
		invalid("an unknown member", more(`"colour":"red"`), "/colour", "unknown"),
		invalid("an unknown member inside", newProduct(`"currency"`, `"tax":1,"currency"`), "/price/tax", "unknown"),
		invalid("a member in capitals", newProduct("name", "Name"), "/Name", "unknown"),
		invalid("an unknown member with a long name", more(`"`+strings.Repeat("é", 300)+`":1`), "/"+strings.Repeat("é", 99)+"…", "unknown"),
		invalid("an id of one's own", more(`"id":"01934f4e-6c5a-7b3e-9d52-0a4f8c7b6e21"`), "/id", "unknown"),
		invalid("a prototype", more(`"__proto__":{"stock":5}`), "/__proto__", "unknown"),
		invalid("a member twice", more(`"name":"y"`), "/name", "duplicate"),
		invalid("a member twice, once escaped", more(`"\u006eame":"y"`), "/name", "duplicate"),
		invalid("a member twice inside", newProduct(`"currency"`, `"amount":2,"currency"`), "/price/amount", "duplicate"),
		invalid("no name", newProduct(`"name":"x",`, ``), "/name", "required"),
		invalid("no price", `{"name":"x"}`, "/price", "required"),
		invalid("no amount", newProduct(`"amount":1,`, ``), "/price/amount", "required"),
		invalid("no currency", newProduct(`,"currency":"EUR"`, ``), "/price/currency", "required"),
		invalid("null for a name", newProduct(`"x"`, `null`), "/name", "wrong-type"),
		invalid("null for an amount", newProduct(`1`, `null`), "/price/amount", "wrong-type"),
		invalid("null for the stock", more(`"stock":null`), "/stock", "wrong-type"),
		invalid("null among the tags", more(`"tags":[null]`), "/tags/0", "wrong-type"),
		invalid("null for an option", more(`"options":{"Size":null}`), "/options/Size", "wrong-type"),
		invalid("null for an attribute", more(`"attributes":{"a":null}`), "/attributes/a", "wrong-type"),

		// Types and numbers.
		invalid("a number for a name", newProduct(`"x"`, `5`), "/name", "wrong-type"),
		invalid("an object for a name", newProduct(`"x"`, `{}`), "/name", "wrong-type"),
		invalid("an array for a price", newProduct(`{"amount":1,"currency":"EUR"}`, `[1,"EUR"]`), "/price", "wrong-type"),
		invalid("a number for a price", newProduct(`{"amount":1,"currency":"EUR"}`, `1`), "/price", "wrong-type"),
		invalid("a text for an amount", newProduct(`1`, `"1"`), "/price/amount", "wrong-type"),
		invalid("true for an amount", newProduct(`1`, `true`), "/price/amount", "wrong-type"),
		invalid("a fraction", newProduct(`1`, `1.5`), "/price/amount", "wrong-type"),
		invalid("a whole number with a fraction", newProduct(`1`, `1.0`), "/price/amount", "wrong-type"),
		invalid("a whole number with an exponent", newProduct(`1`, `1e2`), "/price/amount", "wrong-type"),
		invalid("a huge number", newProduct(`1`, `1e300`), "/price/amount", "wrong-type"),
		invalid("a number of 1,000 digits", newProduct(`1`, strings.Repeat("9", 1000)), "/price/amount", "wrong-type"),
		invalid("one more than 64 bits", newProduct(`1`, `9223372036854775808`), "/price/amount", "wrong-type"),
		invalid("a negative amount", newProduct(`1`, `-1`), "/price/amount", "too-small"),
		invalid("an amount over the maximum", newProduct(`1`, `1000000000000001`), "/price/amount", "too-large"),
		invalid("a negative stock", more(`"stock":-1`), "/stock", "too-small"),
		invalid("a stock over the maximum", more(`"stock":1000000001`), "/stock", "too-large"),
		invalid("a text for tags", more(`"tags":"a"`), "/tags", "wrong-type"),
		invalid("an array for options", more(`"options":["a"]`), "/options", "wrong-type"),
		invalid("a number for an option", more(`"options":{"Size":5}`), "/options/Size", "wrong-type"),
		invalid("an array for an attribute", more(`"attributes":{"a":[1]}`), "/attributes/a", "wrong-type"),
		invalid("an attribute that no client can read", more(`"attributes":{"a":1e999}`), "/attributes/a", "too-large"),
		invalid("an attribute with a control character", more(`"attributes":{"a":"\u0007"}`), "/attributes/a", "control-character"),
		invalid("an attribute of 1,001 bytes", more(`"attributes":{"a":"`+strings.Repeat("y", 999)+`"}`), "/attributes/a", "too-large"),

		// Texts.
		invalid("an empty name", newProduct(`"x"`, `""`), "/name", "required"),
		invalid("a name of white space", newProduct(`"x"`, `" \u00a0\u3000"`), "/name", "blank"),
		invalid("a name of 201 characters", newProduct(`"x"`, `"`+strings.Repeat("é", 201)+`"`), "/name", "too-large"),
		invalid("an escaped null", newProduct(`"x"`, `"a\u0000"`), "/name", "control-character"),
		invalid("a line break in a name", newProduct(`"x"`, `"a\nb"`), "/name", "control-character"),
		invalid("a C1 control character", newProduct(`"x"`, `"a\u009b"`), "/name", "control-character"),
		invalid("an escape in a description", more(`"description":"\u001b[2J"`), "/description", "control-character"),
		invalid("a SKU of 101 characters", more(`"sku":"`+long[:101]+`"`), "/sku", "too-large"),
		invalid("a SKU of white space", more(`"sku":" "`), "/sku", "blank"),
		invalid("a family that is no handle", more(`"family":"Chain Bracelet"`), "/family", "bad-handle"),
		invalid("an empty tag", more(`"tags":[""]`), "/tags/0", "too-small"),
		invalid("a tag of white space", more(`"tags":["a"," "]`), "/tags/1", "blank"),
		invalid("a tag twice", more(`"tags":["a","a"]`), "/tags", "duplicate"),
		invalid("51 tags", more(`"tags":[`+numbered(51, `"t%d"`)+`]`), "/tags", "too-large"),
		invalid("11 options", more(`"options":{`+numbered(11, `"o%d":"v"`)+`}`), "/options", "too-large"),
		invalid("51 attributes", more(`"attributes":{`+numbered(51, `"a%d":1`)+`}`), "/attributes", "too-large"),
		invalid("an attribute without a name", more(`"attributes":{"":1}`), "/attributes/", "too-small"),
		invalid("a long option whose name has a dot", more(`"options":{"A.B":"`+long+`"}`), "/options/A.B", "too-large"),
		invalid("a long option whose name has brackets", more(`"options":{"A[0].b":"`+long+`"}`), "/options/A[0].b", "too-large"),
		invalid("a long option whose name has a slash and a tilde", more(`"options":{"a/b~c":"`+long+`"}`), "/options/a~1b~0c", "too-large"),
		invalid("a German date", more(`"date_manufactured":"31.1.2026"`), "/date_manufactured", "bad-date"),
		invalid("a day that does not exist", more(`"date_manufactured":"2026-02-30"`), "/date_manufactured", "bad-date"),
		invalid("a currency in lower case", newProduct("EUR", "eur"), "/price/currency", "bad-currency"),
		invalid("a currency that does not exist", newProduct("EUR", "EUX"), "/price/currency", "bad-currency"),
		invalid("the code for no currency", newProduct("EUR", "XXX"), "/price/currency", "bad-currency"),
		invalid("a currency's sign", newProduct("EUR", "€"), "/price/currency", "bad-currency"),
	})
}

// numbered repeats format with the numbers from 1 to n, comma-separated.
func numbered(n int, format string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(format, i+1)
	}
	return strings.Join(parts, ",")
}

func TestBadPatchesOfProductsAreRefused(t *testing.T) {
	admin := adminOf(t, shared)
	path := "/v1/products/" + shoptest.Product(t, admin, 10)
	taken := shoptest.Unique("SKU")
	admin.Want(t, 201, "POST", "/v1/products", shoptest.Object{"name": "x", "price": shoptest.Euros(1), "sku": taken})
	patch := func(name, body, at, why string) badInput {
		return badInput{name: name, method: "PATCH", path: path, body: body, status: 422, code: "invalid", at: at, why: why}
	}
	refuseAll(t, admin, []badInput{
		patch("an array", `[{"op":"replace","path":"/name","value":"x"}]`, "", "wrong-type"),
		patch("null", `null`, "", "wrong-type"),
		patch("null for the name", `{"name":null}`, "/name", "required"),
		patch("null for the price", `{"price":null}`, "/price", "required"),
		patch("null for the amount", `{"price":{"amount":null}}`, "/price/amount", "required"),
		patch("null for the currency", `{"price":{"currency":null}}`, "/price/currency", "required"),
		patch("the stock", `{"stock":5}`, "/stock", "unknown"),
		patch("null for the stock", `{"stock":null}`, "/stock", "unknown"),
		patch("the id", `{"id":"01934f4e-6c5a-7b3e-9d52-0a4f8c7b6e21"}`, "/id", "unknown"),
		patch("null for the version", `{"version":null}`, "/version", "unknown"),
		patch("an unknown member inside", `{"price":{"tax":null}}`, "/price/tax", "unknown"),
		patch("a member twice", `{"name":"a","name":"b"}`, "/name", "duplicate"),
		patch("a number for the name", `{"name":5}`, "/name", "wrong-type"),
		patch("a fraction", `{"price":{"amount":19.99}}`, "/price/amount", "wrong-type"),
		patch("a blank name", `{"name":" "}`, "/name", "blank"),
		patch("a negative amount", `{"price":{"amount":-1}}`, "/price/amount", "too-small"),
		patch("null among the tags", `{"tags":[null]}`, "/tags/0", "wrong-type"),
		patch("an object for an attribute", `{"attributes":{"a":{"b":null}}}`, "/attributes/a", "wrong-type"),
		{name: "a SKU that is taken", method: "PATCH", path: path, body: shoptest.Object{"sku": taken}, status: 409, code: "sku-taken", at: "/sku", why: "taken"},
		{name: "half a patch", method: "PATCH", path: path, body: `{"name":`, status: 400, code: "bad-json", at: "/name", why: "syntax"},
		{name: "a patch of nothing", method: "PATCH", path: path, body: "", status: 400, code: "bad-json"},
	})
}

func TestBadAdjustmentsAreRefused(t *testing.T) {
	admin := adminOf(t, shared)
	path := "/v1/products/" + shoptest.Product(t, admin, 10) + "/stock"
	used := shoptest.Unique("ref")
	admin.Want(t, 200, "POST", path, shoptest.Object{"delta": 1, "reason": "delivery", "external_ref": used})
	adjust := func(name, body, at, why string) badInput {
		return badInput{name: name, method: "POST", path: path, body: body, status: 422, code: "invalid", at: at, why: why}
	}
	refuseAll(t, admin, []badInput{
		adjust("no delta", `{"reason":"r"}`, "/delta", "required"),
		adjust("a delta of 0", `{"delta":0,"reason":"r"}`, "/delta", "required"),
		adjust("a delta of -0", `{"delta":-0,"reason":"r"}`, "/delta", "required"),
		adjust("a fraction of a piece", `{"delta":0.5,"reason":"r"}`, "/delta", "wrong-type"),
		adjust("a huge delta", `{"delta":1000000001,"reason":"r"}`, "/delta", "too-large"),
		adjust("a huge negative delta", `{"delta":-1000000001,"reason":"r"}`, "/delta", "too-small"),
		adjust("no reason", `{"delta":1}`, "/reason", "required"),
		adjust("a blank reason", `{"delta":1,"reason":"\u2003"}`, "/reason", "blank"),
		adjust("a blank external_ref", `{"delta":1,"reason":"r","external_ref":" "}`, "/external_ref", "blank"),
		adjust("a stock to set", `{"delta":1,"reason":"r","stock":5}`, "/stock", "unknown"),
		{name: "below zero", method: "POST", path: path, body: `{"delta":-12,"reason":"r"}`, status: 409, code: "insufficient-stock", at: "/delta", why: "insufficient-stock"},
		{name: "over the maximum", method: "POST", path: path, body: `{"delta":1000000000,"reason":"r"}`, status: 409, code: "too-much-stock", at: "/delta", why: "too-large"},
		{name: "a used external_ref", method: "POST", path: path, body: shoptest.Object{"delta": 1, "reason": "r", "external_ref": used}, status: 409, code: "external-ref-used", at: "/external_ref", why: "used"},
	})
}
