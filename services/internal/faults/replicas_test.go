package faults_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

func TestARollingRestartOfBothReplicasUnderLoadFailsNoRequest(t *testing.T) {
	shop, admin := whole(t)
	load := startTraffic(t, shop, admin)
	// Twice: one after the other as fast as they come back, and with time between.
	for _, pause := range []int{0, perSecond} {
		load.awaitMore(t, perSecond/2)
		for _, name := range []string{"api-1", "api-2"} {
			began := time.Now()
			require.NoError(t, shop.Process(name).Restart(t.Context()))
			t.Logf("%s was away for %v", name, time.Since(began).Round(time.Millisecond))
			load.awaitMore(t, pause)
		}
	}
	load.awaitMore(t, perSecond/2)

	results := load.end(t)
	requireAllRight(t, results)
	load.requireEachOnce(t, results)
	load.requireReplays(t, results)
	load.requireEachOnce(t, results)
}

func TestAReplicaKilledUnderLoadFailsNoRequestAndDoublesNoPurchase(t *testing.T) {
	shop, admin := whole(t)
	load := startTraffic(t, shop, admin)
	for _, name := range []string{"api-1", "api-2"} {
		load.awaitMore(t, perSecond/2)
		require.NoError(t, shop.Process(name).Kill())
		load.awaitMore(t, 2*perSecond) // the other one alone
		require.NoError(t, shop.Process(name).Restart(t.Context()))
	}
	load.awaitMore(t, perSecond/2)

	results := load.end(t)
	requireAllRight(t, results)
	load.requireEachOnce(t, results)
}

// A write waits for both Redis replicas, one of which is silent, when the API
// replica that made it dies: the write is done, and nobody was told. nginx sends
// it again to the other API replica, which has to find it done.
func TestAReplicaKilledBetweenWritesAndTheirAnswersDoublesNoPurchase(t *testing.T) {
	shop, admin := whole(t)
	load := startTraffic(t, shop, admin)
	for _, name := range []string{"api-1", "api-2", "api-1", "api-2"} {
		load.awaitMore(t, perSecond/4)
		_, replicas := roles(t, shop)
		written := commits(t, shop)
		require.NoError(t, replicas[0].Pause())
		await(t, 5*time.Second, "writes have run", func() bool { return commits(t, shop) >= written+8 })
		require.NoError(t, shop.Process(name).Kill())
		require.NoError(t, replicas[0].Resume())
		require.NoError(t, shop.Process(name).Restart(t.Context()))
	}
	load.awaitMore(t, perSecond/4)

	results := load.end(t)
	requireAllRight(t, results)
	load.requireEachOnce(t, results)
}

func TestWhenOneNginxIsKilledNewConnectionsSucceedAtOnce(t *testing.T) {
	shop, admin := whole(t)
	product := shoptest.Product(t, admin, 1000)
	visitor, buyer := shoptest.New(shop.URL()).NewConnections(), admin.NewConnections()
	for _, name := range []string{"nginx-a", "nginx-b"} {
		require.NoError(t, shop.Process(name).Kill())
		awaitListeners(t, shop, 2)
		for range 40 {
			visitor.Want(t, 200, "GET", "/v1/products/"+product, nil)
			buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 1))
		}
		require.NoError(t, shop.Process(name).Restart(t.Context()))
	}
	require.EqualValues(t, 80, shoptest.LedgerOf(t, admin, product).Sold)
}

// awaitListeners returns once so many sockets listen for the shop's clients, two
// for each nginx. A killed nginx is gone only when the kernel has closed its:
// what connects in the moment before that breaks, as all its connections do.
func awaitListeners(t *testing.T, s *stack.Stack, n int) {
	t.Helper()
	var a, b, c byte
	_, err := fmt.Sscanf(s.Net, "%d.%d.%d", &a, &b, &c)
	require.NoError(t, err)
	// As the kernel lists it: the address back to front, the port, and 0A for LISTEN.
	listening := fmt.Sprintf(" 04%02X%02X%02X:%04X 00000000:0000 0A ", c, b, a, 8080)
	began := time.Now()
	await(t, 2*time.Second, "its sockets are closed", func() bool {
		sockets, err := os.ReadFile("/proc/net/tcp")
		return err == nil && strings.Count(string(sockets), listening) == n
	})
	t.Logf("its sockets were closed after %v", time.Since(began).Round(time.Millisecond))
}
