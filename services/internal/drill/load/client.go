package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// patience is how long a client waits for an answer: much longer than the 10 s
// that a write may take, failover included.
const patience = 20 * time.Second

// sources is how many addresses the connections come from, where they can.
const sources = 32

// Answer is what came back for a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Client speaks to the shop as somebody; one without a token is nobody. It may be
// used from several goroutines. Its methods leave it as it is and give another one,
// over the same connections.
type Client struct {
	base, token string
	header      http.Header
	http        *http.Client
}

// NewClient speaks as nobody to the shop at base, from several addresses in turn where there are.
func NewClient(base string) *Client { return newClient(base) }

// Token is that of the client's session, or "".
func (c *Client) Token() string { return c.token }

// From gives a client whose connections are its own and all come from one address of this machine.
func (c *Client) From(address string) *Client {
	other := *c
	dial := &net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	other.http = &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: dial.DialContext, MaxIdleConnsPerHost: mostUnderWay, IdleConnTimeout: 30 * time.Second,
	}}
	return &other
}

// newClient speaks as nobody to the shop at base.
func newClient(base string) *Client {
	return &Client{base: base, http: &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: dialer(base), MaxIdleConnsPerHost: mostUnderWay, IdleConnTimeout: 30 * time.Second,
	}}}
}

// dialer dials from several addresses in turn if the shop is on the loopback
// network, which has enough of them: nginx allows one address 1,000 requests at a
// time, and the clients of a drill are meant to be many people.
func dialer(base string) func(context.Context, string, string) (net.Conn, error) {
	var turn atomic.Uint32
	var home net.IP
	if u, err := url.Parse(base); err == nil {
		home = net.ParseIP(u.Hostname()).To4()
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		d := net.Dialer{Timeout: 5 * time.Second}
		if home.IsLoopback() {
			last := byte(64 + turn.Add(1)%sources)
			d.LocalAddr = &net.TCPAddr{IP: net.IPv4(home[0], home[1], home[2], last)}
		}
		return d.DialContext(ctx, network, address)
	}
}

// As gives a client that sends a session's token.
func (c *Client) As(token string) *Client {
	other := *c
	other.token = token
	return &other
}

// At gives the same client for the shop at another address, such as
// "http://127.20.0.2:5000".
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
	more.header[name] = []string{value}
	return &more
}

// Keyed gives a client that sends an Idempotency-Key. The name is in lower case,
// which is the same to every server: Go's transport looks for the usual spelling and
// would itself send such a request again when its connection breaks, unseen by us.
func (c *Client) Keyed(key string) *Client { return c.With("idempotency-key", key) }

// Current gives a client whose reads are as strong as a write.
func (c *Client) Current() *Client { return c.With("Cache-Control", "no-cache") }

// Text is a body that is sent as it is.
type Text []byte

// Send sends a request; body is rendered as JSON unless it is nil. The error says
// that no whole answer came within 20 s; every status is an answer.
func (c *Client) Send(ctx context.Context, method, path string, body any) (Answer, error) {
	var reader io.Reader
	if text, is := body.(Text); is {
		reader = bytes.NewReader(text)
	} else if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return Answer{}, err
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return Answer{}, err
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
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: text}, nil
}

// insistence is how long insist goes on, and insistPause how long it waits between
// two tries.
const (
	insistence  = 30 * time.Second
	insistPause = 200 * time.Millisecond
)

// Insist is insist for what another package prepares.
func (c *Client) Insist(ctx context.Context, method, path string, body, into any) error {
	return c.insist(ctx, method, path, body, into)
}

// insist sends a request until it is answered 2xx, and decodes that answer. It is
// for what surrounds the load: requests that may be repeated. A refusal is an error
// at once; a shop that does not answer, or 429 or 5xx, is one after 30 s.
func (c *Client) insist(ctx context.Context, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, insistence)
	defer cancel()
	for {
		a, err := c.Send(ctx, method, path, body)
		if err == nil && a.Status < 300 {
			return json.Unmarshal(a.Body, into)
		}
		if err == nil {
			err = fmt.Errorf("%s %s: %d %s", method, path, a.Status, a.Body)
			if a.Status < 500 && a.Status != http.StatusTooManyRequests {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(insistPause):
		}
	}
}
