package app_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// committed is the number of the last commit group.
func committed(t *testing.T, s *stack.Stack) int64 {
	t.Helper()
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	reply, err := s.Redis(t.Context(), primary, "GET", "evg:commit:seq")
	require.NoError(t, err)
	seq, err := strconv.ParseInt(strings.TrimSpace(reply), 10, 64)
	require.NoError(t, err)
	return seq
}

func TestStrongReadsWithoutASessionAreLimitedPerAddress(t *testing.T) {
	admin := adminOf(t, shared)
	customer, _ := shoptest.Customer(t, admin)
	path := "/v1/products/" + shoptest.Product(t, admin, 1)
	one := shoptest.New(shared.URL()).From("127.78.0.1")
	strong := func(c *shoptest.Client) *shoptest.Client { return c.With("Cache-Control", "no-cache") }
	flooding := strong(one)
	refused := func() bool {
		a := flooding.Do(t, "GET", path, nil)
		if a.Status == 429 {
			require.Equal(t, "strong-read-rate", a.Text(t, "code"))
			require.Equal(t, "1", a.Header.Get("Retry-After"))
		}
		return a.Status == 429
	}
	passed, begun := 0, time.Now()
	for !refused() {
		passed++
		require.Less(t, passed, 2000, "no limit")
	}
	t.Logf("%d passed in %s", passed, time.Since(begun))
	require.GreaterOrEqual(t, passed, 100, "the burst of two seconds' worth")
	// The address is at its limit. A rate of 25 for each of two replicas brings one back each 40 ms.
	awaitRefusal := func(c *shoptest.Client, path string) {
		t.Helper()
		for range 100 {
			if c.Do(t, "GET", path, nil).Status == 429 {
				return
			}
		}
		t.Error(path + " is not limited")
	}
	awaitRefusal(flooding, path)
	awaitRefusal(flooding, "/v1/products?limit=1")
	awaitRefusal(strong(one.As("no session has this token")), "/v1/sessions/current")
	for range 20 {
		strong(one.As(customer.Token())).Want(t, 200, "GET", "/v1/sessions/current", nil)
		strong(one.As(admin.Token())).Want(t, 200, "GET", "/v1/users?limit=1", nil)
		one.Want(t, 200, "GET", path, nil)
		for _, public := range []string{path, "/v1/products?limit=1"} { // a session counts on routes that need none
			strong(one.As(customer.Token())).Want(t, 200, "GET", public, nil)
			strong(one.As(admin.Token())).Want(t, 200, "GET", public, nil)
		}
	}
	awaitRefusal(strong(one.As("no session has this token")), path)
	strong(shoptest.New(shared.URL()).From("127.78.0.2")).Want(t, 200, "GET", path, nil)
}

func TestATokenThatTheShopHasNotGivenIsRefusedWithoutAskingRedis(t *testing.T) {
	admin := adminOf(t, shared)
	path := "/v1/products/" + shoptest.Product(t, admin, 1)
	anyone := shoptest.New(shared.URL()).From("127.78.1.1")
	begun, before := time.Now(), committed(t, shared)
	for range 300 {
		anyone.With("Consistency-Token", "9000000000000000000").Refused(t, 400, "bad-parameter", "GET", path, nil)
		anyone.With("Consistency-Token", "2.9000000000000000000.AAAAAAAAAAAAAAAA").Refused(t, 400, "bad-parameter", "GET", path, nil)
	}
	// Each replica commits a heartbeat a second, and sessions of other tests may be extended.
	require.Less(t, committed(t, shared)-before, 100+5*int64(time.Since(begun).Seconds()))
}
