package versions_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/shoptest"
)

// oldUsers are the Redis users of layouts 1 and 2; a restore switches them off while it loads.
func oldUsers() []string { return []string{"api", "api-2"} }

// raiseVersion does to a product what a restore does to all that has a version.
const raiseVersion = `local version = redis.call('HINCRBY', KEYS[1], 'version', '1000000000')
local body = string.gsub(redis.call('HGET', KEYS[1], 'body'), '"version":%d+', string.format('"version":%d', version), 1)
return redis.call('HSET', KEYS[1], 'body', body)`

// onAllNodes sends a command to each Redis node.
func (p *pair) onAllNodes(t *testing.T, command ...string) {
	t.Helper()
	for _, node := range []string{"redis-1", "redis-2", "redis-3"} {
		_, err := p.Redis(t.Context(), node, command...)
		require.NoError(t, err, "%s: %v", node, command)
	}
}

// The release before knows no history and no mark. What it remembers of a product has another version than the restored
// data, since a restore raises all versions.
func TestTheReleaseBeforeServesTheRestoredDataOnceItsUserIsLetInAgain(t *testing.T) {
	p := startPair(t)
	product := p.before.Want(t, http.StatusCreated, "POST", "/v1/products", shoptest.Object{"name": "A", "price": shoptest.Euros(1), "stock": 9})
	path, key := "/v1/products/"+product.Text(t, "id"), redisdb.KeyProduct(product.Text(t, "id"))
	order := shoptest.Order(product.Text(t, "id"), 1)
	p.ask(t, "COPY", key, "evg:test:backup")
	for _, price := range []int64{1, 2} {
		p.before.Want(t, http.StatusOK, "PATCH", path, shoptest.Object{"price": shoptest.Euros(price)})
		p.before.Want(t, http.StatusCreated, "POST", "/v1/purchases", order) // it remembers the product
	}

	for _, user := range oldUsers() {
		p.onAllNodes(t, "ACL", "SETUSER", user, "off")
		p.onAllNodes(t, "CLIENT", "KILL", "USER", user)
	}
	p.ask(t, "SET", redisdb.KeySchema(), "restoring")
	for _, method := range []string{"POST", "GET"} {
		at, body := path, any(nil)
		if method == "POST" {
			at, body = "/v1/purchases", order
		}
		begun := time.Now()
		status := p.before.Do(t, method, at, body).Status
		require.GreaterOrEqual(t, status, 500, method)
		t.Logf("%s of the release before, while its user is off: %d after %v", method, status, time.Since(begun))
	}
	p.ask(t, "COPY", "evg:test:backup", key, "REPLACE")
	p.ask(t, "EVAL", raiseVersion, "1", key)
	p.ask(t, "SET", redisdb.KeyHistory(), redisdb.NewHistory())
	p.ask(t, "SET", redisdb.KeySchema(), "1")
	for _, user := range oldUsers() {
		p.onAllNodes(t, "ACL", "SETUSER", user, "on")
	}
	begun := time.Now()
	require.Eventually(t, func() bool { return p.before.Do(t, "GET", "/v1/users", nil).Status == http.StatusOK }, 20*time.Second, 20*time.Millisecond)
	bought := p.before.Want(t, http.StatusCreated, "POST", "/v1/purchases", order)
	t.Logf("it sells %v after its user was let in", time.Since(begun))
	require.EqualValues(t, 1, price(t, bought), "the price of the restored product")
}

func price(t *testing.T, purchase shoptest.Answer) int64 {
	t.Helper()
	var body struct{ Total struct{ Amount int64 } }
	purchase.Into(t, &body)
	return body.Total.Amount
}
