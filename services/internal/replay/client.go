package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// How a request is tried: each try may take what the API takes for a write that
// meets a failover, through both replicas; between tries the waits double.
const (
	tryTimeout  = 30 * time.Second
	firstWait   = 100 * time.Millisecond
	longestWait = 3 * time.Second
	longestAsk  = 30 * time.Second // the most of a Retry-After that is heeded
)

// refusal is an answer that trying again would not change.
type refusal struct {
	method, path string
	Status       int
	Code, Detail string
	// Replayed says that the answer was remembered under the key.
	Replayed bool
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s %s: %d %s: %s", r.method, r.path, r.Status, r.Code, r.Detail)
}

func asRefusal(err error) (r *refusal, refused bool) {
	refused = errors.As(err, &r)
	return r, refused
}

// refusedAs says whether err is the shop's refusal with this code.
func refusedAs(err error, code string) bool {
	r, refused := asRefusal(err)
	return refused && r.Code == code
}

// busy is an answer, or none, after which the same request is sent again.
type busy struct {
	why   string        // its kind
	cause error         // where there is more to say
	after time.Duration // what Retry-After asks for, or 0
}

func (b *busy) Error() string {
	if b.cause != nil {
		return b.cause.Error()
	}
	return b.why
}

// client sends requests until they are answered.
type client struct {
	base, token string
	http        *http.Client
	notes       io.Writer
	patience    time.Duration // for one request

	mu    sync.Mutex
	waits map[string]int // tries that had to be repeated, by why
}

func newClient(base string, patience time.Duration, atOnce int, notes io.Writer) *client {
	return &client{
		base: base, patience: patience, notes: notes, waits: map[string]int{},
		http: &http.Client{Timeout: tryTimeout, Transport: &http.Transport{
			MaxIdleConnsPerHost: atOnce, IdleConnTimeout: 30 * time.Second, Proxy: http.ProxyFromEnvironment}},
	}
}

// request is what is sent, again and again if need be: byte for byte the same,
// so that under its key it happens once.
type request struct {
	method, path, key string
	body              []byte
}

// get reads what the primary has; a replay goes on from what it reads.
func (c *client) get(ctx context.Context, path string, into any) error {
	return c.do(ctx, request{method: http.MethodGet, path: path}, into)
}

// post writes under an Idempotency-Key.
func (c *client) post(ctx context.Context, path, key string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.do(ctx, request{method: http.MethodPost, path: path, key: key, body: text}, into)
}

// do tries until there is an answer: nil, a *refusal, or what stood in the way
// when ctx or the patience ended.
func (c *client) do(ctx context.Context, r request, into any) error {
	began := time.Now()
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := c.try(ctx, r, into)
		var again *busy
		if ctx.Err() != nil || !errors.As(err, &again) {
			return errors.Join(ctx.Err(), err)
		}
		c.count(again)
		// Who was sent away together shall not come back together.
		pause := max(min(again.after, longestAsk), wait/2+rand.N(wait))
		if time.Since(began)+pause > c.patience {
			return fmt.Errorf("%s %s: no answer for %v, at last: %w", r.method, r.path, c.patience, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *client) try(ctx context.Context, r request, into any) error {
	sent, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return err
	}
	c.head(sent, r)
	answer, err := c.http.Do(sent)
	if err != nil {
		return &busy{why: "no answer", cause: err}
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return &busy{why: "answer cut off", cause: err}
	case answer.StatusCode >= http.StatusInternalServerError, answer.StatusCode == http.StatusTooManyRequests:
		return toBusy(answer, body)
	case answer.StatusCode >= http.StatusMultipleChoices:
		return toRefusal(r, answer, body)
	}
	return json.Unmarshal(body, into)
}

func (c *client) head(sent *http.Request, r request) {
	if c.token != "" {
		sent.Header.Set("Authorization", "Bearer "+c.token)
	}
	if r.method == http.MethodGet {
		sent.Header.Set("Cache-Control", "no-cache")
		return
	}
	sent.Header.Set("Content-Type", "application/json")
	if r.key != "" {
		sent.Header.Set("Idempotency-Key", r.key)
	}
}

// problem is the part of an error's body that matters here; what is no such
// body leaves it empty.
type problem struct{ Code, Detail string }

func toBusy(answer *http.Response, body []byte) error {
	var p problem
	_ = json.Unmarshal(body, &p)
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
	why := strconv.Itoa(answer.StatusCode)
	if p.Code != "" {
		why += " " + p.Code
	}
	return &busy{why: why, after: time.Duration(seconds) * time.Second}
}

func toRefusal(r request, answer *http.Response, body []byte) error {
	refused := &refusal{method: r.method, path: r.path, Status: answer.StatusCode, Replayed: answer.Header.Get("Idempotency-Replayed") != ""}
	var p problem
	_ = json.Unmarshal(body, &p)
	refused.Code, refused.Detail = p.Code, p.Detail
	return refused
}

// count keeps why tries had to be repeated. Before anything was answered it says
// so at once: the shop may not be running at all.
func (c *client) count(b *busy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waits) == 0 && c.token == "" {
		fmt.Fprintf(c.notes, "waiting up to %v for the shop at %s (%v)\n", c.patience, c.base, b)
	}
	c.waits[b.why]++
}
