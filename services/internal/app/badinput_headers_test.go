package app_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

func TestBadHeadersAreRefused(t *testing.T) {
	admin := adminOf(t, shared)
	id := shoptest.Product(t, admin, 10)
	path, body := "/v1/products/"+id, newProduct("", "")
	post := func(name string, who *shoptest.Client, body string, status int, code, at, why string) badInput {
		return badInput{name: name, who: who, method: "POST", path: "/v1/products", body: body, status: status, code: code, at: at, why: why}
	}
	typed := func(mediaType string) badInput {
		return post("the content type "+mediaType, admin.With("Content-Type", mediaType), body, 415, "unsupported-media-type", "Content-Type", "unsupported")
	}
	encoded := func(encoding, body string) badInput {
		return post("the content encoding "+encoding, admin.With("Content-Encoding", encoding), body, 415, "unsupported-media-type", "Content-Encoding", "unsupported")
	}
	key := func(name string, who *shoptest.Client) badInput {
		return post("an Idempotency-Key "+name, who, body, 400, "bad-parameter", "Idempotency-Key", "bad-key")
	}
	match := func(name string, who *shoptest.Client) badInput {
		return badInput{name: "an If-Match " + name, who: who, method: "PATCH", path: path, body: shoptest.Object{"name": "y"},
			status: 400, code: "bad-parameter", at: "If-Match", why: "bad-etag"}
	}
	token := func(name, value string) badInput {
		return badInput{name: "a Consistency-Token " + name, who: admin.With("Consistency-Token", value), method: "GET", path: path,
			status: 400, code: "bad-parameter", at: "Consistency-Token", why: "bad-token"}
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write([]byte(body))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	reused := admin.With("Idempotency-Key", shoptest.Unique("key"))
	reused.Want(t, 201, "POST", "/v1/products", body)

	refuseAll(t, admin, []badInput{
		typed("text/plain"), typed("text/json"), typed("application/x-www-form-urlencoded"), typed("multipart/form-data; boundary=x"),
		typed("application/xml"), typed("application/json; charset=iso-8859-1"), typed("application/json, application/json"),
		typed("application/jsonp"), typed("application/merge-patch+json"), typed("nonsense"), typed(""),
		{name: "a JSON patch", who: admin.With("Content-Type", "application/json-patch+json"), method: "PATCH", path: path, body: `[]`,
			status: 415, code: "unsupported-media-type", at: "Content-Type", why: "unsupported"},
		encoded("gzip", zipped.String()), encoded("gzip", body), encoded("br", body), encoded("identity, gzip", body),

		key("that is empty", admin.With("Idempotency-Key", "")), key("with a space", admin.With("Idempotency-Key", "two words")),
		key("that is not ASCII", admin.With("Idempotency-Key", "schlüssel")), key("of 256 characters", admin.With("Idempotency-Key", strings.Repeat("k", 256))),
		key("of 5 KB", admin.With("Idempotency-Key", strings.Repeat("k", 5000))), key("sent twice", admin.Twice("Idempotency-Key", shoptest.Unique("key"), shoptest.Unique("key"))),
		post("an Idempotency-Key of 10 KB", admin.With("Idempotency-Key", strings.Repeat("k", 10_000)), body, 431, "headers-too-large", "", ""),
		post("an Idempotency-Key that was used", reused, newProduct("x", "y"), 422, "idempotency-key-reused", "Idempotency-Key", "reused"),

		match("that is empty", admin.With("If-Match", "")), match("of a comma", admin.With("If-Match", ",")),
		match("without quotes", admin.With("If-Match", "1")), match("that is weak", admin.With("If-Match", `W/"1"`)),
		match("with half of its quotes", admin.With("If-Match", `"1`)), match("with more quotes", admin.With("If-Match", `""1""`)),
		match("of a word", admin.With("If-Match", `"one"`)), match("of version 0", admin.With("If-Match", `"0"`)),
		match("of a negative version", admin.With("If-Match", `"-1"`)), match("with a sign", admin.With("If-Match", `"+1"`)),
		match("with a leading zero", admin.With("If-Match", `"01"`)), match("with nonsense for a stock", admin.With("If-Match", `"1.many"`)),
		match("of a huge version", admin.With("If-Match", `"`+strings.Repeat("9", 30)+`"`)), match("of two tags", admin.With("If-Match", `"1", "2"`)),
		match("of any and one", admin.With("If-Match", `*, "1"`)),
		{name: "an If-Match sent twice", who: admin.Twice("If-Match", `"1"`, `"2"`), method: "PATCH", path: path, body: shoptest.Object{"name": "y"}, status: 400, code: "no-http"},
		{name: "a stale If-Match", who: admin.With("If-Match", `"7"`), method: "PATCH", path: path, body: shoptest.Object{"name": "y"}, status: 412, code: "stale"},
		{name: "a stale If-Match of a deletion", who: admin.With("If-Match", `"7.10"`), method: "DELETE", path: path, status: 412, code: "stale"},
		{name: "a bad If-Match of a payment", who: admin.With("If-Match", "x"), method: "POST", path: "/v1/purchases/" + nowhere + "/pay", body: shoptest.Object{"reference": "r"},
			status: 400, code: "bad-parameter", at: "If-Match", why: "bad-etag"},

		token("of a word", "latest"), token("of 0", "0"), token("that is negative", "-5"), token("with a sign", "+5"), token("with a fraction", "5.0"),
		token("with a leading zero", "05"), token("over 64 bits", strings.Repeat("9", 20)), token("that no write has given", "9000000000000000000"),
		token("in quotes", `"5"`),

		{name: "a session twice", who: admin.Twice("Authorization", "Bearer "+admin.Token(), "Bearer x"), method: "GET", path: "/v1/sessions/current", status: 400, code: "no-http"},
		{name: "a flood of headers", who: flooded(admin), method: "GET", path: path, status: 431, code: "headers-too-large"},
		{name: "another method by a header", who: admin.With("X-HTTP-Method-Override", "DELETE"), method: "POST", path: path, body: `{}`, status: 405, code: "no-method"},
	})
}

func flooded(c *shoptest.Client) *shoptest.Client {
	for range 500 {
		c = c.With(shoptest.Unique("X-Flood"), strings.Repeat("f", 100))
	}
	return c
}

func TestWhatASafeRequestOnlyHintsAtIsIgnored(t *testing.T) {
	admin := adminOf(t, shared)
	path := "/v1/products/" + shoptest.Product(t, admin, 10)
	before := digest(t)
	for name, who := range map[string]*shoptest.Client{
		"tags that are none of ours":    admin.With("If-None-Match", `nonsense, "9", W/`),
		"an override of the method":     admin.With("X-HTTP-Method-Override", "DELETE").With("X-Method-Override", "DELETE"),
		"an address of somebody else":   admin.With("X-Forwarded-For", "NET'\";--").With("X-Original-URL", "/v1/users"),
		"an Accept that we do not have": admin.With("Accept", "application/xml"),
	} {
		require.Equal(t, "10", who.Want(t, 200, "GET", path, nil).Text(t, "stock"), name)
	}
	require.Equal(t, before, digest(t))
}

func TestBadHTTPIsRefused(t *testing.T) {
	admin := adminOf(t, shared)
	path := "/v1/products/" + shoptest.Product(t, admin, 10)
	const end = "Host: shop\r\nConnection: close\r\nAuthorization: Bearer TOKEN\r\n"
	const typed = "Content-Type: application/json\r\n"
	body := newProduct("", "")
	large := "100001\r\n" + strings.Repeat(" ", 0x100001) + "\r\n0\r\n\r\n"
	refuseAllRaw(t, admin, []rawBadInput{
		{"no HTTP", "HELLO\r\n\r\n", 400, "no-http", "", ""},
		{"HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "no-http", "", ""},
		{"HTTP/7", "GET " + path + " HTTP/7.0\r\n" + end + "\r\n", 505, "unknown-version", "", ""},
		{"no Host", "GET " + path + " HTTP/1.1\r\n\r\n", 400, "no-http", "", ""},
		{"a Host that is none", "GET " + path + " HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "no-http", "", ""},
		{"a Host with a script in it", "GET " + path + " HTTP/1.1\r\nHost: <script>\r\nConnection: close\r\n\r\n", 400, "no-http", "", ""},
		{"two Hosts", "GET " + path + " HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "no-http", "", ""},
		{"a null byte in a header", "GET " + path + " HTTP/1.1\r\n" + end + "If-None-Match: a\x00b\r\n\r\n", 400, "no-http", "", ""},
		{"a control character in a header", "POST /v1/products HTTP/1.1\r\n" + end + typed + "Idempotency-Key: a\x01b\r\nContent-Length: 2\r\n\r\n{}", 400, "no-http", "", ""},
		{"a body in chunks over the limit", "POST /v1/products HTTP/1.1\r\n" + end + typed + "Transfer-Encoding: chunked\r\n\r\n" + large, 413, "too-large", "", ""},
		{"a body that says it is over the limit", "POST /v1/products HTTP/1.1\r\n" + end + typed + "Content-Length: 99999999999\r\n\r\n", 413, "too-large", "", ""},
		{"a body of a GET over the limit", "GET " + path + " HTTP/1.1\r\n" + end + "Transfer-Encoding: chunked\r\n\r\n" + large, 413, "too-large", "", ""},
		{"a negative length", "POST /v1/products HTTP/1.1\r\n" + end + typed + "Content-Length: -1\r\n\r\n", 400, "no-http", "", ""},
		{"a length and chunks", "POST /v1/products HTTP/1.1\r\n" + end + typed + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "no-http", "", ""},
		{"chunks that are none", "POST /v1/products HTTP/1.1\r\n" + end + typed + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "no-http", "", ""},
		{"a compressed transfer", "POST /v1/products HTTP/1.1\r\n" + end + typed + "Transfer-Encoding: gzip\r\n\r\n", 501, "unknown-encoding", "", ""},
		{"a bad body in chunks", "POST /v1/products HTTP/1.1\r\n" + end + typed + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 422, "invalid", "/name", "required"},
		{"a bad body in HTTP/1.0", "POST /v1/products HTTP/1.0\r\n" + end + typed + "Content-Length: 2\r\n\r\n{}", 422, "invalid", "/name", "required"},
		{"a refund in chunks without a type", "POST /v1/purchases/" + nowhere + "/refund HTTP/1.1\r\n" + end + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
			415, "unsupported-media-type", "Content-Type", "unsupported"},
		{"HTTP/1.0 without a Host and a session", "DELETE " + path + " HTTP/1.0\r\n\r\n", 401, "no-session", "", ""},
		{"a method in lower case", "get " + path + " HTTP/1.1\r\n" + end + "\r\n", 400, "no-http", "", ""},
		{"TRACE", "TRACE " + path + " HTTP/1.1\r\n" + end + "\r\n", 405, "no-method", "", ""},
		{"CONNECT", "CONNECT shop:80 HTTP/1.1\r\n" + end + "\r\n", 400, "no-http", "", ""},
		{"headers just within the edge's limit", "POST /v1/products HTTP/1.1\r\n" + end + typed + "X-Flood: " + strings.Repeat("f", 7900) + "\r\n" +
			"Content-Length: 2\r\n\r\n{}", 422, "invalid", "/name", "required"},
		{"thousands of small headers", "POST /v1/products HTTP/1.1\r\n" + end + typed + strings.Repeat("a:\r\n", 7000) + "Content-Length: 2\r\n\r\n{}", 431, "headers-too-large", "", ""},
		{"a body that is cut off", "POST /v1/products HTTP/1.1\r\n" + end + typed + "Content-Length: 20\r\n\r\n" + body[:20], 400, "bad-json", "", ""},
	})
}
