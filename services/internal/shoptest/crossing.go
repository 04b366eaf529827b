package shoptest

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Crossing is what one version of the shop has done with keys of its clients': another version has to know all of it.
type Crossing struct {
	admin   *Client
	product string
	sold    int64
	calls   []call
}

// call is a write and its first answer.
type call struct {
	name, key, method, path string
	body                    any
	first                   Answer
}

// Cross makes purchases, refusals and edits, each with a key of its own.
func Cross(tb testing.TB, admin *Client) *Crossing {
	tb.Helper()
	c := &Crossing{admin: admin, product: Product(tb, admin, 40)}
	for pieces := range int64(4) {
		c.do(tb, http.StatusCreated, fmt.Sprint("a purchase of ", pieces+1), "POST", "/v1/purchases", Order(c.product, pieces+1))
		c.sold += pieces + 1
	}
	c.do(tb, http.StatusConflict, "a purchase of too many", "POST", "/v1/purchases", Order(c.product, 1000))
	paid := c.calls[0].first.Text(tb, "id")
	c.do(tb, http.StatusOK, "a payment", "POST", "/v1/purchases/"+paid+"/pay", Object{"reference": Unique("paid")})
	c.do(tb, http.StatusConflict, "a cancellation of what was paid", "POST", "/v1/purchases/"+paid+"/cancel", nil)
	c.do(tb, http.StatusOK, "an edit", "PATCH", "/v1/products/"+c.product, Object{"description": Unique("edited")})
	return c
}

func (c *Crossing) do(tb testing.TB, status int, name, method, path string, body any) {
	tb.Helper()
	one := call{name: name, key: Unique("crossing"), method: method, path: path, body: body}
	one.first = c.admin.Keyed(one.key).Want(tb, status, method, path, body)
	c.calls = append(c.calls, one)
}

// Recall sends every write once more and demands the first answer, byte for byte, and that nothing was done twice.
func (c *Crossing) Recall(tb testing.TB) {
	tb.Helper()
	// It is of the request that is answered, so a repeated refusal has another one.
	requestID := regexp.MustCompile(`"request_id":"[^"]*"`)
	for _, one := range c.calls {
		again := c.admin.Keyed(one.key).Do(tb, one.method, one.path, one.body)
		require.Equal(tb, one.first.Status, again.Status, "%s: %s", one.name, again.Body)
		require.Equal(tb, "true", again.Header.Get("Idempotency-Replayed"), one.name)
		require.Equal(tb, requestID.ReplaceAllString(string(one.first.Body), ""), requestID.ReplaceAllString(string(again.Body), ""), one.name)
	}
	require.Equal(tb, c.sold, LedgerOf(tb, c.admin, c.product).Sold, "pieces that were sold of the crossing's product")
}
