package load

import (
	"context"
	"net/http"
)

// Answer is what came back for a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Client speaks to the shop as somebody; one without a token is nobody. It may be
// used from several goroutines.
type Client struct{}

// At gives the same client for the shop at another address.
func (c *Client) At(base string) *Client { return c }

// With gives a client that sends one more header with every request.
func (c *Client) With(name, value string) *Client { return c }

// Keyed gives a client that sends an Idempotency-Key.
func (c *Client) Keyed(key string) *Client { return c.With("Idempotency-Key", key) }

// Current gives a client whose reads are as strong as a write.
func (c *Client) Current() *Client { return c.With("Cache-Control", "no-cache") }

// Send sends a request; body is rendered as JSON unless it is nil. The error says
// that no answer came; every status is an answer.
func (c *Client) Send(ctx context.Context, method, path string, body any) (Answer, error) {
	return Answer{}, errNotYet
}
