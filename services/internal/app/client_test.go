package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// answer is what came back for a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// into decodes the body.
func (a answer) into(t *testing.T, target any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.body, target), "%s", a.body)
}

// text gives a member of the body, named by its path.
func (a answer) text(t *testing.T, path ...string) string {
	t.Helper()
	var value any
	a.into(t, &value)
	for _, name := range path {
		object, ok := value.(map[string]any)
		require.True(t, ok, "no %v in %s", path, a.body)
		value = object[name]
	}
	return fmt.Sprint(value)
}

// problem is the body of an error.
type problem struct {
	Type, Title, Detail, Instance, Code string
	Status                              int
	RequestID                           string `json:"request_id"`
	Errors                              []wrong
}

// wrong is one entry of a problem's errors.
type wrong struct {
	Pointer, Parameter, Code, Detail string
	ProductID                        string `json:"product_id"`
	Available                        *int64
}

// client speaks to a shop as somebody; the zero token is nobody.
type client struct {
	base  string
	token string
	http  *http.Client
	// header is sent with every request, beside what a call adds.
	header http.Header
}

// newClient speaks to the shop at base with connections of its own. Whatever is
// answered is held against openapi.yaml.
func newClient(base string) *client {
	return &client{base: base, http: &http.Client{
		Timeout:   20 * time.Second,
		Transport: contract.Watch(&http.Transport{MaxIdleConns: 500, MaxIdleConnsPerHost: 500, IdleConnTimeout: 30 * time.Second}),
	}}
}

// as gives a client that sends token over the same connections.
func (c *client) as(token string) *client {
	return &client{base: c.base, token: token, http: c.http}
}

// with gives a client that sends one more header.
func (c *client) with(name, value string) *client {
	copied := *c
	copied.header = c.header.Clone()
	if copied.header == nil {
		copied.header = http.Header{}
	}
	copied.header.Set(name, value)
	return &copied
}

// do sends a request and fails the test if no answer comes; body is rendered as
// JSON unless it is a string or nil.
func (c *client) do(t *testing.T, method, path string, body any) answer {
	t.Helper()
	a, err := c.try(t.Context(), method, path, body)
	require.NoError(t, err, "%s %s", method, path)
	return a
}

// try is do for goroutines and for shops that may not answer.
func (c *client) try(ctx context.Context, method, path string, body any) (answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = bytes.NewReader([]byte(b))
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, values := range c.header {
		request.Header[name] = values
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, header: response.Header, body: text}, err
}

// want sends a request and demands its status.
func (c *client) want(t *testing.T, status int, method, path string, body any) answer {
	t.Helper()
	a := c.do(t, method, path, body)
	require.Equal(t, status, a.status, "%s %s: %s", method, path, a.body)
	return a
}

// refused sends a request and demands a problem document of the status and code.
func (c *client) refused(t *testing.T, status int, code, method, path string, body any) problem {
	t.Helper()
	a := c.want(t, status, method, path, body)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	var p problem
	a.into(t, &p)
	require.Equal(t, code, p.Code, "%s", a.body)
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Detail)
	require.Equal(t, a.header.Get("X-Request-Id"), p.RequestID)
	return p
}

// object is a JSON object to send.
type object = map[string]any

var serial atomic.Int64

// unique gives a name that no other test uses.
func unique(prefix string) string { return fmt.Sprintf("%s-%d", prefix, serial.Add(1)) }

// admins are the clients that adminOf made: logins are limited, and one serves
// all tests of a stack.
var admins sync.Map

// adminOf gives a client that is logged in as the stack's first admin.
func adminOf(t *testing.T, s *stack.Stack) *client {
	t.Helper()
	if known, found := admins.Load(s); found {
		return known.(*client) //nolint:forcetypeassert // only clients are stored
	}
	c := newClient(s.URL())
	a := c.want(t, http.StatusCreated, "POST", "/v1/sessions",
		object{"email": s.Setting("ADMIN_EMAIL"), "password": s.Setting("ADMIN_PASSWORD")})
	admin := c.as(a.text(t, "token"))
	admins.Store(s, admin)
	return admin
}

const password = "correct horse battery"

// customer signs somebody up and in. The admin's token goes along, because
// sign-ups and logins of one address are limited.
func customer(t *testing.T, admin *client) (*client, string) {
	t.Helper()
	email := unique("customer") + "@example.com"
	id := admin.want(t, http.StatusCreated, "POST", "/v1/users",
		object{"email": email, "password": password, "first_name": "Ann", "last_name": "Lee"}).text(t, "id")
	a := admin.want(t, http.StatusCreated, "POST", "/v1/sessions", object{"email": email, "password": password})
	return admin.as(a.text(t, "token")), id
}

func euros(cents int64) object { return object{"amount": cents, "currency": "EUR"} }

// product creates a product with stock and gives its id.
func product(t *testing.T, admin *client, stock int64) string {
	t.Helper()
	return admin.want(t, http.StatusCreated, "POST", "/v1/products",
		object{"name": unique("Product"), "price": euros(1999), "stock": stock}).text(t, "id")
}

// order is the body of a purchase of pieces of one product.
func order(productID string, pieces int64) object {
	return object{"items": []object{{"product_id": productID, "quantity": pieces}}}
}

// ledger is a product's account.
type ledger struct{ Initial, Adjusted, Sold, Returned, Stock int64 }

// ledgerOf reads a product's account from the primary and checks its equation.
func ledgerOf(t *testing.T, admin *client, productID string) ledger {
	t.Helper()
	var l ledger
	admin.with("Cache-Control", "no-cache").want(t, http.StatusOK, "GET", "/v1/products/"+productID+"/stock", nil).into(t, &l)
	require.Equal(t, l.Stock, l.Initial+l.Adjusted-l.Sold+l.Returned, "the stock equation of %s: %+v", productID, l)
	require.GreaterOrEqual(t, l.Stock, int64(0))
	return l
}
