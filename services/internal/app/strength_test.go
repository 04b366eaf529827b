package app_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

// misled makes a Redis replica follow no primary any more and take its data for fresh, so that what it is asked it
// answers from the past. The function that heals it comes back.
func misled(t *testing.T) (heal func()) {
	t.Helper()
	primary, err := shared.Primary(t.Context())
	require.NoError(t, err)
	replica := map[string]string{"redis-1": "redis-2", "redis-2": "redis-3", "redis-3": "redis-1"}[primary]
	tell := func(command ...string) string {
		reply, err := shared.Redis(t.Context(), replica, command...)
		require.NoError(t, err)
		return reply
	}
	tell("REPLICAOF", "127.0.0.1", "1")
	tell("CONFIG", "SET", "replica-read-only", "no")
	tell("SET", "evg:heartbeat", strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10))
	tell("CONFIG", "SET", "replica-read-only", "yes")
	return func() {
		host, port, err := net.SplitHostPort(shared.Process(primary).Addr())
		require.NoError(t, err)
		tell("REPLICAOF", host, port)
		require.NoError(t, shared.AwaitHealthy(t.Context()))
		require.Eventually(t, func() bool {
			beat, err := strconv.ParseInt(strings.TrimSpace(tell("GET", "evg:heartbeat")), 10, 64)
			return err == nil && time.UnixMilli(beat).Before(time.Now().Add(time.Minute))
		}, 10*time.Second, 10*time.Millisecond, "the primary's heartbeat again")
	}
}

// The shop's two replicas ask Redis's two in turn, so that among a dozen reads some ask the one that is behind.
func TestAReadSeesAWriteIfItSendsItsTokenOrNoCache(t *testing.T) {
	admin := adminOf(t, shared)
	path := "/v1/products/" + shoptest.Product(t, admin, 1)
	anyone := shoptest.New(shared.URL())
	require.Eventually(t, func() bool { // both replicas have it
		for range 6 {
			if anyone.Do(t, "GET", path, nil).Status != 200 {
				return false
			}
		}
		return true
	}, 5*time.Second, 10*time.Millisecond)
	heal := misled(t)
	defer heal()
	written := admin.Want(t, 200, "PATCH", path, shoptest.Object{"name": "The new name"})
	token := written.Header.Get("Consistency-Token")
	require.Regexp(t, `^3\.[0-9a-f]{16}\.[1-9][0-9]*\.[A-Za-z0-9_-]{16}$`, token)
	older := func(c *shoptest.Client) (count int) {
		t.Helper()
		for range 12 {
			if c.Want(t, 200, "GET", path, nil).Text(t, "name") != "The new name" {
				count++
			}
		}
		return count
	}
	require.Positive(t, older(anyone), "without either")
	for name, c := range map[string]*shoptest.Client{
		"with the token":              anyone.With("Consistency-Token", token),
		"with no-cache":               anyone.With("Cache-Control", "no-cache"),
		"with no-cache behind others": anyone.With("Cache-Control", "max-age=0, no-cache"),
	} {
		t.Run(name, func(t *testing.T) { require.Zero(t, older(c)) })
	}
}

func TestEveryWritesTokenIsGreaterThanTheOneBefore(t *testing.T) {
	admin := adminOf(t, shared)
	ann, _ := shoptest.Customer(t, admin)
	id := shoptest.Product(t, admin, 10)
	last := int64(0)
	for _, write := range []shoptest.Answer{
		admin.Want(t, 200, "PATCH", "/v1/products/"+id, shoptest.Object{"name": "Another"}),
		ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1)),
		ann.Want(t, 409, "POST", "/v1/purchases", shoptest.Order(id, 1000)),
		admin.Want(t, 200, "POST", "/v1/products/"+id+"/stock", shoptest.Object{"delta": 1, "reason": "delivery"}),
	} {
		token, err := strconv.ParseInt(strings.Split(write.Header.Get("Consistency-Token")+"...", ".")[2], 10, 64)
		require.NoError(t, err, "%d: %s", write.Status, write.Body)
		require.Greater(t, token, last)
		last = token
	}
	require.Empty(t, admin.Want(t, 200, "GET", "/v1/products/"+id, nil).Header.Get("Consistency-Token"), "a read has none")
}
