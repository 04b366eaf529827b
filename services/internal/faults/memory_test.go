package faults_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// atOnceIs how soon a shop whose memory is full answers.
const atOnceIs = time.Second

const (
	maxMemoryMiB    = 64
	customerPercent = 80
)

// filler writes keys of the test's own.
type filler struct {
	shop *stack.Stack
	keys []string
}

// fill writes keys until the primary uses that share of maxmemory.
func (f *filler) fill(t *testing.T, percent int) {
	t.Helper()
	primary, _ := roles(t, f.shop)
	for used(t, f.shop, primary) < maxMemoryMiB<<20*percent/100 {
		key := "test:filler:" + strconv.Itoa(len(f.keys))
		redis(t, f.shop, primary, "SET", key, strings.Repeat("x", 100<<10))
		f.keys = append(f.keys, key)
	}
}

// toTheBrim leaves every node 1 MB less than the data takes, so that buffers that are freed leave no room; it gives
// what the primary uses.
func (f *filler) toTheBrim(t *testing.T) (usedBytes int) {
	t.Helper()
	primary, replicas := roles(t, f.shop)
	usedBytes = used(t, f.shop, primary)
	for _, node := range append(replicas, primary) {
		redis(t, f.shop, node, "CONFIG", "SET", "maxmemory", strconv.Itoa(usedBytes-1<<20))
	}
	return usedBytes
}

// used is the memory that a node holds against its bound.
func used(t *testing.T, s *stack.Stack, node *stack.Process) int {
	t.Helper()
	memory := map[string]int{}
	for line := range strings.Lines(redis(t, s, node, "INFO", "memory")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		memory[name], _ = strconv.Atoi(value)
	}
	return memory["used_memory"] - memory["mem_not_counted_for_evict"]
}

func (f *filler) remove(t *testing.T) {
	t.Helper()
	primary, _ := roles(t, f.shop)
	redis(t, f.shop, primary, append([]string{"DEL"}, f.keys...)...)
}

// full is a shop with things in it for a test of full memory.
type full struct {
	shop                                *stack.Stack
	admin, ann, leaving, gone           *shoptest.Client
	goneID, product, other, old         string
	cancelled, expired, afterwards, key string
	bought                              string
}

func prepareFull(t *testing.T) full {
	t.Helper()
	f := full{key: shoptest.Unique("key"), shop: private(t, map[string]string{
		"REDIS_MAXMEMORY": strconv.Itoa(maxMemoryMiB) + "mb", "CUSTOMER_MEMORY_PERCENT": strconv.Itoa(customerPercent),
	})}
	f.admin = shoptest.Admin(t, f.shop)
	f.ann, _ = shoptest.Customer(t, f.admin)
	f.leaving, _ = shoptest.Customer(t, f.admin)
	f.gone, f.goneID = shoptest.Customer(t, f.admin)
	f.product, f.other, f.old = shoptest.Product(t, f.admin, 100), shoptest.Product(t, f.admin,
		1000), shoptest.Product(t, f.admin, 1)
	for _, to := range []*string{&f.cancelled, &f.expired, &f.afterwards} {
		*to = f.ann.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(f.product, 1)).Text(t, "id")
	}
	f.bought = f.ann.Keyed(f.key).Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(f.product, 2)).Text(t, "id")
	return f
}

func TestWhenMemoryIsFullWhatFreesItGoesOnThroughAFailoverAndTheShopSellsAgain(t *testing.T) {
	f := prepareFull(t)
	filled := filler{shop: f.shop}
	filled.fill(t, customerPercent-5)
	f.ann.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(f.other, 1))
	filled.fill(t, customerPercent+5)
	// Each replica asks twice a second how much memory is in use, so nothing is added meanwhile.
	await(t, 10*time.Second, "customers are refused", func() bool {
		a := f.ann.Do(t, "POST", "/v1/purchases", shoptest.Order(f.other, 1))
		return a.Status == http.StatusServiceUnavailable && a.Text(t, "code") == "storage-full"
	})
	shoptest.Product(t, f.admin, 1) // from the reserve

	before := filled.toTheBrim(t)
	f.requireRefused(t)
	f.requireRetry(t)
	f.requireReads(t)
	f.free(t)
	f.requireFreed(t)
	f.requireProbes(t, "0")
	f.requireLimit(t)

	old, _ := roles(t, f.shop)
	require.NoError(t, old.Kill())
	f.ann.Want(t, http.StatusOK, "POST", "/v1/purchases/"+f.afterwards+"/cancel", nil)
	now, _ := roles(t, f.shop)
	require.NotEqual(t, old.Name(), now.Name())
	await(t, 5*time.Second, "the new primary's heartbeat is there, although its memory is full", func() bool {
		return f.ann.Want(t, http.StatusOK, "GET", "/v1/products/"+f.product, nil).Header.Get("Age") == ""
	})
	f.requireFreed(t)
	f.requireReads(t)
	f.requireRetry(t)
	f.ann.Refused(t, http.StatusServiceUnavailable, "storage-full", "POST", "/v1/purchases", shoptest.Order(f.other, 1))
	require.Less(t, used(t, f.shop, now)-before, 1<<20, "what runs at maxmemory makes the data hardly larger")

	filled.remove(t)
	await(t, 10*time.Second, "the shop sells again", func() bool {
		return f.ann.Do(t, "POST", "/v1/purchases", shoptest.Order(f.other, 1)).Status == http.StatusCreated
	})
	f.requireProbes(t, "1")
	require.Equal(t, int64(98), shoptest.LedgerOf(t, f.admin, f.product).Stock)
}

// requireRefused demands that all that makes the data larger is refused at once.
func (f full) requireRefused(t *testing.T) {
	t.Helper()
	begun := time.Now()
	f.ann.Refused(t, http.StatusServiceUnavailable, "storage-full", "POST", "/v1/purchases", shoptest.Order(f.other, 1))
	f.admin.Refused(t, http.StatusServiceUnavailable, "storage-full", "POST", "/v1/products",
		shoptest.Object{"name": "One more", "price": shoptest.Euros(100)})
	require.Less(t, time.Since(begun), 2*atOnceIs)
}

// requireRetry demands that the retry of an accepted purchase gets its outcome.
func (f full) requireRetry(t *testing.T) {
	t.Helper()
	a := f.ann.Keyed(f.key).Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(f.product, 2))
	require.Equal(t, f.bought, a.Text(t, "id"))
	require.Equal(t, "true", a.Header.Get("Idempotency-Replayed"))
}

// requireReads demands that reads are answered at once, strong ones too, and are not old.
func (f full) requireReads(t *testing.T) {
	t.Helper()
	for name, client := range map[string]*shoptest.Client{"strong": f.ann.Current(), "plain": f.ann} {
		begun := time.Now()
		a := client.Want(t, http.StatusOK, "GET", "/v1/products/"+f.product, nil)
		require.Less(t, time.Since(begun), atOnceIs, name)
		require.Empty(t, a.Header.Get("Age"), name)
	}
}

// free does all that frees memory or stops a loss.
func (f full) free(t *testing.T) {
	t.Helper()
	f.ann.Want(t, http.StatusOK, "POST", "/v1/purchases/"+f.cancelled+"/cancel", nil)
	primary, _ := roles(t, f.shop)
	redis(t, f.shop, primary, "EVAL", "#!lua flags=allow-oom\n"+`redis.call('HSET', KEYS[1], 'reserved', 1)
return redis.call('ZADD', KEYS[2], 1, ARGV[1])`, "2", "evg:purchase:"+f.expired, "evg:reservations", f.expired)
	f.leaving.Want(t, http.StatusNoContent, "DELETE", "/v1/sessions/current", nil)
	f.gone.Want(t, http.StatusNoContent, "DELETE", "/v1/users/"+f.goneID, nil)
	f.admin.Want(t, http.StatusNoContent, "DELETE", "/v1/products/"+f.old, nil)
	shoptest.Admin(t, f.shop) // an admin can log in
}

// requireFreed demands that it was done, whoever is primary.
func (f full) requireFreed(t *testing.T) {
	t.Helper()
	status := func(id string) string {
		return f.ann.Current().Want(t, http.StatusOK, "GET", "/v1/purchases/"+id, nil).Text(t, "status")
	}
	require.Equal(t, "cancelled", status(f.cancelled))
	await(t, 10*time.Second, "the reservation has expired", func() bool { return status(f.expired) == "expired" })
	f.leaving.Current().Want(t, http.StatusUnauthorized, "GET", "/v1/sessions/current", nil)
	f.admin.Current().Want(t, http.StatusNotFound, "GET", "/v1/users/"+f.goneID, nil)
	f.admin.Current().Want(t, http.StatusNotFound, "GET", "/v1/products/"+f.old, nil)
}

// requireLimit demands that guesses at a password meet their limit.
func (f full) requireLimit(t *testing.T) {
	t.Helper()
	passed := 0
	for i := range 3 * accountPerMinute {
		client := shoptest.New(f.shop.URL()).From("127.80.0." + strconv.Itoa(i+1))
		a := client.Do(t, "POST", "/v1/sessions", shoptest.Object{"email": "guessed@example.com", "password": "a wrong password"})
		if a.Status != http.StatusTooManyRequests {
			passed++
		}
	}
	// One more passes each 6 s.
	require.InDelta(t, accountPerMinute, passed, 3)
}

// requireProbes demands that both replicas come to say whether the shop can sell.
func (f full) requireProbes(t *testing.T, sells string) {
	t.Helper()
	for _, name := range []string{"api-1", "api-2"} {
		await(t, 10*time.Second, name+" says "+sells, func() bool {
			answer, err := http.Get("http://" + f.shop.Process(name).StatusAddr() + "/metrics") //nolint:noctx // of a test
			require.NoError(t, err)
			defer func() { _ = answer.Body.Close() }()
			text, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			return strings.Contains(string(text), "\nshop_write_probe_success "+sells)
		})
	}
}
