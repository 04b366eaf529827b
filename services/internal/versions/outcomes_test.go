package versions_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

func send(t *testing.T, transport http.RoundTripper, request *http.Request) (int, string) {
	t.Helper()
	answer, err := transport.RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

// kept is a write whose outcome is remembered, and what it was answered.
type kept struct {
	name, key, product string
	status             int
	body               string
	stock              int64
	order              shoptest.Object
}

// buy makes a purchase of pieces, of a product that has 5, under a key of its own.
func (p *pair) buy(t *testing.T, name string, at *shoptest.Client, pieces int64) kept {
	t.Helper()
	k := kept{name: name, key: shoptest.Unique("key"), product: shoptest.Product(t, p.admin, 5)}
	k.order = shoptest.Order(k.product, pieces)
	a := at.Keyed(k.key).Do(t, "POST", "/v1/purchases", k.order)
	require.Empty(t, a.Header.Get("Idempotency-Replayed"), name)
	k.status, k.body = a.Status, told(a)
	if a.Status == http.StatusConflict {
		// Now there would be enough.
		p.admin.Want(t, http.StatusOK, "POST", "/v1/products/"+k.product+"/stock", shoptest.Object{"delta": 100, "reason": "delivery"})
	}
	k.stock = shoptest.LedgerOf(t, p.admin, k.product).Stock
	return k
}

// told is a body without what names the single HTTP request.
func told(a shoptest.Answer) string {
	id := a.Header.Get("X-Request-Id")
	return strings.ReplaceAll(string(a.Body), id, "ID")
}

// requireAgain demands that a replica answers as the first one did, and sells nothing.
func (p *pair) requireAgain(t *testing.T, k kept, at *shoptest.Client) {
	t.Helper()
	a := at.Keyed(k.key).Do(t, "POST", "/v1/purchases", k.order)
	require.Equal(t, k.status, a.Status, "%s: %s", k.name, a.Body)
	require.Equal(t, k.body, told(a), k.name)
	require.Equal(t, "true", a.Header.Get("Idempotency-Replayed"), k.name)
	require.Equal(t, k.stock, shoptest.LedgerOf(t, p.admin, k.product).Stock, k.name)
}

func TestARetryAfterAnUpgradeOrARollbackBuysOnce(t *testing.T) {
	p := startPair(t)
	var all []kept
	for from, replica := range map[string]*shoptest.Client{"the release before": p.before, "this version": p.now} {
		effect, refusal := p.buy(t, "an effect of "+from, replica, 1), p.buy(t, "a refusal of "+from, replica, 6)
		require.Equal(t, http.StatusCreated, effect.status, effect.body)
		require.Equal(t, http.StatusConflict, refusal.status, refusal.body)
		all = append(all, effect, refusal)
	}
	for _, k := range all {
		p.requireAgain(t, k, p.before)
		p.requireAgain(t, k, p.now)
	}
	t.Run("nginx's second try at the other version is the same purchase", p.secondTries)

	p.ask(t, "SET", "evg:schema", "2")
	for _, k := range all {
		p.requireAgain(t, k, p.now)
	}
	for _, pieces := range []int64{1, 6} {
		k := p.buy(t, fmt.Sprint("under layout 2, pieces: ", pieces), p.now, pieces)
		p.requireAgain(t, k, p.now)
	}
	require.NotEqual(t, "0", p.ask(t, "EVAL", "return #redis.call('KEYS', 'evg:requests:*')", "0"), "small outcomes are in a bucket")
}

func (p *pair) secondTries(t *testing.T) {
	for first, second := range map[string]string{"api-1": "api-2", "api-2": "api-1"} {
		product, id := shoptest.Product(t, p.admin, 5), strings.ToLower(shoptest.Unique("0123456789"))
		body := `{"items":[{"product_id":"` + product + `","quantity":1}]}`
		status, answer := p.edge(t, first, id, false, body)
		require.Equal(t, http.StatusCreated, status, answer)
		before := p.counted(t, second)
		status, again := p.edge(t, second, id, true, body)
		require.Equal(t, http.StatusCreated, status, again)
		require.Equal(t, answer, again)
		require.Equal(t, before+1, p.counted(t, second), "%s knows it as its own request's outcome, and counts it", second)
		require.Equal(t, int64(4), shoptest.LedgerOf(t, p.admin, product).Stock)
	}
}

// counted is how many purchases a replica has counted as made.
func (p *pair) counted(t *testing.T, replica string) int {
	t.Helper()
	host := strings.TrimSuffix(p.Process(replica).Addr(), ":5000")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+":9100/metrics", nil)
	require.NoError(t, err)
	_, text := send(t, http.DefaultTransport, request)
	for line := range strings.Lines(text) {
		if number, found := strings.CutPrefix(line, `shop_purchases_total{status="pending"} `); found {
			var n int
			_, err := fmt.Sscan(number, &n)
			require.NoError(t, err)
			return n
		}
	}
	require.Fail(t, "no such metric", replica)
	return 0
}
