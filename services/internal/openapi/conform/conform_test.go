package conform_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/openapi"
	"evergreen/services/internal/openapi/conform"
)

const (
	id      = "01934f4e-6c5a-7b3e-9d52-0a4f8c7b6e22"
	product = `{"id":"` + id + `","name":"Candle","options":{},"description":"","category":"","company":"","tags":[],"attributes":{},` +
		`"price":{"amount":1999,"currency":"EUR"},"version":1,"created_at":"2026-11-21T21:18:04.000Z","updated_at":"2026-11-21T21:18:04.000Z","stock":7}`
	problem = `{"type":"/problems/not-found","title":"There is no such thing","status":404,"detail":"There is no product with this id.",` +
		`"instance":"/v1/products/` + id + `","code":"no-product","request_id":"r-1"}`
)

// exchange is one that keeps to the document, for tests to break.
func exchange(method, path, sent string, status int, received string) *conform.Exchange {
	e := &conform.Exchange{
		Request: httptest.NewRequest(method, path, http.NoBody), Sent: []byte(sent), Status: status, Received: []byte(received),
		Header: http.Header{"X-Request-Id": {"r-1"}, "X-Served-By": {"api-1"}},
	}
	if sent != "" {
		e.Request.Header.Set("Content-Type", "application/json")
	}
	switch {
	case status >= http.StatusBadRequest:
		e.Header.Set("Content-Type", "application/problem+json")
	case received != "":
		e.Header.Set("Content-Type", "application/json")
	}
	return e
}

func read() *conform.Exchange {
	e := exchange("GET", "/v1/products/"+id, "", 200, product)
	e.Header.Set("ETag", `"1.7"`)
	e.Header.Set("Cache-Control", "no-cache")
	return e
}

func create() *conform.Exchange {
	e := exchange("POST", "/v1/products", `{"name":"Candle","price":{"amount":1999,"currency":"EUR"}}`, 201, product)
	e.Request.Header.Set("Authorization", "Bearer t")
	e.Header.Set("ETag", `"1.7"`)
	e.Header.Set("Location", "/v1/products/"+id)
	return e
}

func list() *conform.Exchange {
	return exchange("GET", "/v1/products?limit=5", "", 200, `{"data":[`+product+`],"has_more":false,"next_cursor":null}`)
}

func notFound() *conform.Exchange {
	return exchange("GET", "/v1/products/"+id, "", 404, problem)
}

func notModified() *conform.Exchange {
	e := exchange("GET", "/v1/products/"+id, "", 304, "")
	e.Header.Set("ETag", `"1.7"`)
	e.Header.Set("Cache-Control", "no-cache")
	return e
}

func notAllowed() *conform.Exchange {
	e := exchange("PUT", "/v1/products", "", 405, strings.NewReplacer("not-found", "method-not-allowed", "404", "405", "no-product", "no-method").Replace(problem))
	e.Header.Set("Allow", "POST, GET")
	return e
}

func lost() *conform.Exchange {
	e := exchange("POST", "/v1/products", "{}", 504, strings.NewReplacer("not-found", "unavailable", "404", "504", "no-product", "outcome-unknown").Replace(problem))
	e.Header.Set("X-Served-By", "nginx-a")
	e.Header.Set("Retry-After", "2")
	return e
}

func tooLong() *conform.Exchange {
	e := exchange("GET", "/v1/products/"+strings.Repeat("x", 9000), "", 414, strings.NewReplacer("not-found", "too-large", "404", "414", "no-product", "uri-too-long").Replace(problem))
	e.Header.Set("X-Served-By", "nginx-b")
	return e
}

func checker(t *testing.T, document []byte) *conform.Checker {
	t.Helper()
	c, err := conform.New(document)
	require.NoError(t, err)
	return c
}

func TestWhatKeepsToTheDocumentIsGood(t *testing.T) {
	c := checker(t, openapi.Document())
	for _, good := range []func() *conform.Exchange{read, create, list, notFound, notModified, notAllowed, lost, tooLong} {
		e := good()
		require.NoError(t, c.Check(*e), "%s", e)
	}
	require.Empty(t, c.Broken())
	require.NotContains(t, c.Unserved(), "GET /v1/products/{id}")
	require.Contains(t, c.Unserved(), "DELETE /v1/products/{id}")
}

// replaced gives a change of the answer's body.
func replaced(part, by string) func(*conform.Exchange) {
	return func(e *conform.Exchange) { e.Received = bytes.Replace(e.Received, []byte(part), []byte(by), 1) }
}

func header(name, value string) func(*conform.Exchange) {
	return func(e *conform.Exchange) {
		e.Header.Del(name)
		if value != "" {
			e.Header.Set(name, value)
		}
	}
}

func status(code int) func(*conform.Exchange) {
	return func(e *conform.Exchange) { e.Status = code }
}

func sent(body string) func(*conform.Exchange) {
	return func(e *conform.Exchange) { e.Sent = []byte(body) }
}

func TestEachBreakOfTheDocumentIsFound(t *testing.T) {
	c := checker(t, openapi.Document())
	for _, row := range []struct {
		name   string
		good   func() *conform.Exchange
		broken func(*conform.Exchange)
		says   string
	}{
		{"a member that nobody documented", read, replaced(`"stock":7`, `"stock":7,"colour":"red"`), "colour"},
		{"such a member inside", read, replaced(`"amount"`, `"tax":1,"amount"`), "tax"},
		{"such a member in a list", list, replaced(`"stock":7`, `"stock":7,"colour":"red"`), "colour"},
		{"a member that is missing", read, replaced(`,"stock":7`, ``), "stock"},
		{"a string for a number", read, replaced(`"stock":7`, `"stock":"7"`), "stock"},
		{"a fraction", read, replaced(`"amount":1999`, `"amount":19.99`), "amount"},
		{"a number out of bounds", read, replaced(`"stock":7`, `"stock":-1`), "stock"},
		{"null where none may be", read, replaced(`"tags":[]`, `"tags":null`), "tags"},
		{"a time in another form", read, replaced(`04.000Z`, `04+01:00`), "created_at"},
		{"an id that is none", read, replaced(id, strings.ToUpper(id)), "id"},
		{"no JSON", read, replaced(`{`, `[`), "decode"},
		{"another media type", read, header("Content-Type", "text/html"), "Content-Type"},
		{"a required header that is missing", read, header("ETag", ""), "ETag"},
		{"one that every answer has", read, header("X-Served-By", ""), "X-Served-By"},
		{"a header of another form", read, header("ETag", `W/"1.7"`), "ETag"},
		{"a header that nobody documented", read, header("X-Debug", "yes"), "X-Debug"},
		{"a status that nobody documented", read, status(202), "not documented"},
		{"a header that a 304 needs", notModified, header("ETag", ""), "ETag"},
		{"a body where none may be", notModified, func(e *conform.Exchange) { e.Received = []byte("{}") }, "body"},
		{"a code that this operation does not have", notFound, replaced("no-product", "no-user"), "no-user"},
		{"a code that nobody documented", notFound, replaced("no-product", "gone-fishing"), "gone-fishing"},
		{"a problem that says another status", notFound, replaced("404", "410"), "410"},
		{"a problem of another request", notFound, replaced("r-1", "r-2"), "request_id"},
		{"a problem without a detail", notFound, replaced(`"detail"`, `"details"`), "detail"},
		{"a refusal that is no problem", notFound, header("Content-Type", "application/json"), "Content-Type"},
		{"a path that nobody documented", read, func(e *conform.Exchange) { e.Request.URL.Path = "/v1/carts" }, "no matching"},
		{"a method that nobody documented", create, func(e *conform.Exchange) { e.Request.Method = "PUT" }, "no such method"},
		{"an Allow that lies", notAllowed, header("Allow", "GET"), "Allow"},
		{"a 405 without Allow", notAllowed, header("Allow", ""), "Allow"},
		{"a 504 by the API itself", lost, header("X-Served-By", "api-1"), "nginx"},
		{"a lost request without Retry-After", lost, header("Retry-After", ""), "Retry-After"},
		{"a refusal at the edge by the API", tooLong, header("X-Served-By", "api-1"), "not documented"},
		{"a request with an unknown member, granted", create, sent(`{"name":"x","price":{"amount":1,"currency":"EUR"},"x":1}`), "granted"},
		{"a request over a limit, granted", create, sent(`{"name":"x","price":{"amount":-1,"currency":"EUR"}}`), "granted"},
		{"a request without a token, granted", create, func(e *conform.Exchange) { e.Request.Header.Del("Authorization") }, "granted"},
		{"an unknown parameter, granted", list, func(e *conform.Exchange) { e.Request.URL.RawQuery = "colour=red" }, "colour"},
		{"a parameter over its limit, granted", list, func(e *conform.Exchange) { e.Request.URL.RawQuery = "limit=101" }, "limit"},
		{"a body of another type, granted", create, func(e *conform.Exchange) { e.Request.Header.Set("Content-Type", "text/plain") }, "granted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, before := row.good(), len(c.Broken())
			row.broken(e)
			require.ErrorContains(t, c.Check(*e), row.says)
			require.Len(t, c.Broken(), before+1)
		})
	}
}

func TestADocumentThatIsNoneIsRefused(t *testing.T) {
	for _, row := range []struct{ name, old, new string }{
		{"no OpenAPI", "openapi: 3.0.3", "swagger: 3.0.3"},
		{"a reference to nothing", "schemas/SignUp'", "schemas/SignOut'"},
		{"a path parameter that the path does not have", "/v1/users/{id}:", "/v1/users/{user}:"},
		{"an example that breaks its schema", "amount: 4299", "amount: much"},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := strings.Replace(string(openapi.Document()), row.old, row.new, 1)
			require.NotEqual(t, string(openapi.Document()), text)
			_, err := conform.New([]byte(text))
			require.Error(t, err)
		})
	}
}

func TestAWatchedClientGetsAnErrorForAnAnswerThatBreaksTheDocument(t *testing.T) {
	answer := list().Received
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range list().Header {
			w.Header()[name] = values
		}
		_, _ = w.Write(answer)
	}))
	defer server.Close()
	c := checker(t, openapi.Document())
	client := &http.Client{Transport: c.Watch(http.DefaultTransport)}

	response, err := client.Get(server.URL + "/v1/products")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Empty(t, c.Broken())

	answer = []byte(`{"data":[]}`)
	_, err = client.Get(server.URL + "/v1/products") //nolint:bodyclose // there is none
	require.ErrorContains(t, err, "openapi.yaml is broken by GET /v1/products: 200")
	require.Len(t, c.Broken(), 1)
}
