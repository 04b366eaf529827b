// Package shoptest is how tests use a shop: from outside, over HTTP, as its
// clients do. Only tests import it.
package shoptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// Object is a JSON object to send.
type Object = map[string]any

// Answer is what came back for a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// brief is the body for a failure's text: a list may have a megabyte.
func (a Answer) brief() string { return texttest.Brief(string(a.Body)) }

// Into decodes the body.
func (a Answer) Into(tb testing.TB, target any) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal(a.Body, target), "%s", a.brief())
}

// Text gives a member of the body, named by its path, as text.
func (a Answer) Text(tb testing.TB, path ...string) string {
	tb.Helper()
	var value any
	a.Into(tb, &value)
	for _, name := range path {
		object, ok := value.(map[string]any)
		require.True(tb, ok, "no %v in %s", path, a.brief())
		value = object[name]
	}
	return fmt.Sprint(value)
}

// Problem is the body of an error.
type Problem struct {
	Type, Title, Detail, Instance, Code string
	Status                              int
	RequestID                           string `json:"request_id"`
	Errors                              []Wrong
}

// Wrong is one entry of a problem's errors.
type Wrong struct {
	Pointer, Parameter, Code, Detail string
	ProductID                        string `json:"product_id"`
	Available                        *int64
}

// Client speaks to a shop as somebody; one without a token is nobody. It may be
// used from several goroutines.
type Client struct {
	base   string
	token  string
	http   *http.Client
	header http.Header
}

// patience is how long a client waits for an answer: much longer than the 10 s
// that a write may take, failover included.
const patience = 20 * time.Second

// New speaks to the shop at base over connections of its own, which it keeps.
// Whatever is answered is held against openapi.yaml.
func New(base string) *Client {
	return &Client{base: base, http: &http.Client{
		Timeout:   patience,
		Transport: watched(&http.Transport{MaxIdleConns: 1000, MaxIdleConnsPerHost: 1000, IdleConnTimeout: 30 * time.Second}),
	}}
}

// NewConnections gives a client that makes a new connection for each request.
func (c *Client) NewConnections() *Client {
	fresh := *c
	fresh.http = &http.Client{Timeout: patience, Transport: watched(&http.Transport{DisableKeepAlives: true})}
	return &fresh
}

// From gives a client that connects from another address of this machine, such as 127.77.0.1.
func (c *Client) From(address string) *Client {
	moved, dialer := *c, net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	moved.http = &http.Client{Timeout: patience, Transport: watched(&http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 10})}
	return &moved
}

// As gives a client that sends token over the same connections.
func (c *Client) As(token string) *Client {
	return &Client{base: c.base, token: token, http: c.http}
}

// Token is what As was given.
func (c *Client) Token() string { return c.token }

// At gives the same client for the shop at another address.
func (c *Client) At(base string) *Client {
	moved := *c
	moved.base = base
	return &moved
}

// With gives a client that sends one more header with every request.
func (c *Client) With(name, value string) *Client {
	more := *c
	more.header = c.header.Clone()
	if more.header == nil {
		more.header = http.Header{}
	}
	more.header.Set(name, value)
	return &more
}

// Twice gives a client that sends a header twice.
func (c *Client) Twice(name, first, second string) *Client {
	more := c.With(name, first)
	more.header.Add(name, second)
	return more
}

// Keyed gives a client that sends an Idempotency-Key.
func (c *Client) Keyed(key string) *Client { return c.With("Idempotency-Key", key) }

// Current gives a client whose reads are answered by the primary.
func (c *Client) Current() *Client { return c.With("Cache-Control", "no-cache") }

// Try sends a request; body is rendered as JSON unless it is a string or nil.
// The error says that no answer came. It is for goroutines and for shops that
// may not answer; tests that expect an answer call Want or Refused.
func (c *Client) Try(ctx context.Context, method, path string, body any) (Answer, error) {
	request, err := c.request(ctx, method, path, body)
	if err != nil {
		return Answer{}, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return Answer{Status: response.StatusCode, Header: response.Header, Body: text}, err
}

func (c *Client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	text, isText := body.(string)
	if body != nil && !isText {
		rendered, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		text = string(rendered)
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader([]byte(text))
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, err
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
	return request, nil
}

// Expect is Try for goroutines that demand a status: anything else is an error.
func (c *Client) Expect(ctx context.Context, status int, method, path string, body any) (Answer, error) {
	a, err := c.Try(ctx, method, path, body)
	if err == nil && a.Status != status {
		err = fmt.Errorf("%s %s: %d, want %d: %s", method, path, a.Status, status, a.brief())
	}
	return a, err
}

// Do sends a request and demands an answer, whatever it says.
func (c *Client) Do(tb testing.TB, method, path string, body any) Answer {
	tb.Helper()
	a, err := c.Try(tb.Context(), method, path, body)
	require.NoError(tb, err, "%s %s", method, path)
	return a
}

// Want sends a request and demands its status.
func (c *Client) Want(tb testing.TB, status int, method, path string, body any) Answer {
	tb.Helper()
	a, err := c.Expect(tb.Context(), status, method, path, body)
	require.NoError(tb, err)
	return a
}

// Refused sends a request and demands a problem of this status and code.
func (c *Client) Refused(tb testing.TB, status int, code, method, path string, body any) Problem {
	tb.Helper()
	a := c.Want(tb, status, method, path, body)
	require.Equal(tb, "application/problem+json", a.Header.Get("Content-Type"))
	var p Problem
	a.Into(tb, &p)
	require.Equal(tb, code, p.Code, "%s", a.brief())
	require.Equal(tb, status, p.Status)
	require.NotEmpty(tb, p.Title)
	require.NotEmpty(tb, p.Detail)
	require.Equal(tb, a.Header.Get("X-Request-Id"), p.RequestID)
	return p
}
