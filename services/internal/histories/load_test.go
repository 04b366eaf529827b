package histories_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"evergreen/services/internal/shoptest"
)

// answer is what a client was told, and when.
type answer struct {
	sent, done time.Time
	write      bool
	key        string
	order      shoptest.Object
	buyer      *shoptest.Client
	shoptest.Answer
	err error
}

// told is status and code, for a list of what clients saw.
func (a answer) told() string {
	if a.err != nil {
		return a.err.Error()
	}
	if a.Status < 400 {
		return fmt.Sprint(a.Status)
	}
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.Body, &problem)
	text := fmt.Sprint(a.Status, " ", problem.Code)
	if a.Header.Get("Retry-After") == "" {
		text += " without Retry-After"
	}
	return text
}

// load is customers who buy, and guests who read, without a pause for longer than a few milliseconds.
type load struct {
	product string
	stop    context.CancelFunc
	clients sync.WaitGroup

	mutex   sync.Mutex
	answers []answer
}

const pause = 5 * time.Millisecond

func startLoad(t *testing.T, base string, admin *shoptest.Client, buyers []*shoptest.Client, product string) *load {
	t.Helper()
	l := &load{product: product}
	ctx, cancel := context.WithCancel(t.Context())
	l.stop = cancel
	t.Cleanup(func() { cancel(); l.clients.Wait() })
	for _, buyer := range buyers {
		buyer = buyer.At(base)
		l.clients.Go(func() { l.each(ctx, func() { l.buy(ctx, buyer, shoptest.Order(product, 1), shoptest.Unique("key")) }) })
	}
	guest := shoptest.New(base)
	l.clients.Go(func() { l.each(ctx, func() { l.read(ctx, guest, "/v1/products/"+product) }) })
	l.clients.Go(func() {
		l.each(ctx, func() { l.read(ctx, admin.At(base).Current(), "/v1/products/"+product+"/stock") })
	})
	return l
}

func (l *load) each(ctx context.Context, do func()) {
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (l *load) buy(ctx context.Context, buyer *shoptest.Client, order shoptest.Object, key string) {
	l.note(ctx, answer{sent: time.Now(), write: true, key: key, order: order, buyer: buyer}, buyer.Keyed(key), "POST", "/v1/purchases", order)
}

func (l *load) read(ctx context.Context, guest *shoptest.Client, path string) {
	l.note(ctx, answer{sent: time.Now()}, guest, "GET", path, nil)
}

func (l *load) note(ctx context.Context, a answer, client *shoptest.Client, method, path string, body any) {
	// A request that has begun is not cut off by the end of the load.
	a.Answer, a.err = client.Try(context.WithoutCancel(ctx), method, path, body)
	a.done = time.Now()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.answers = append(l.answers, a)
}

// all gives the answers that are of a kind.
func (l *load) all(accept func(answer) bool) (found []answer) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, a := range l.answers {
		if accept(a) {
			found = append(found, a)
		}
	}
	return found
}

// end stops the load and waits for what is under way.
func (l *load) end() {
	l.stop()
	l.clients.Wait()
}

func bought(a answer) bool { return a.write && a.err == nil && a.Status == http.StatusCreated }
