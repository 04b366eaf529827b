package faults_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// gauge reads a metric of an API replica.
func gauge(ctx context.Context, s *stack.Stack, replica, name string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Process(replica).StatusAddr()+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+" "); found {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", replica, name)
}

// highest is the most that metrics of either replica have shown.
type highest map[string]float64

// watchHighest reads metrics of both replicas ten times a second; the function that it returns ends that.
func watchHighest(t *testing.T, s *stack.Stack, names ...string) (end func() highest) {
	t.Helper()
	seen, done := highest{}, make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		for pace := rate.NewLimiter(10, 1); pace.Wait(ctx) == nil; {
			for _, replica := range []string{"api-1", "api-2"} {
				for _, name := range names {
					if value, err := gauge(ctx, s, replica, name); err == nil {
						seen[replica+" "+name] = max(seen[replica+" "+name], value)
					}
				}
			}
		}
	}()
	return func() highest { stop(); <-done; return seen }
}

// A replica has the memory that its container gives it. The orders come at a rate that the shop takes at other times, too.
func TestAFailoverWithMoreThanAThousandOrdersHeldInEachReplicaIsLatencyAlone(t *testing.T) {
	const customers, orders, perSecond = 50, 2800, 900
	shop := private(t, map[string]string{"GOMEMLIMIT": "100MiB", "SENTINEL_DOWN_AFTER_MS": "3000"})
	admin := shoptest.Admin(t, shop)
	product := shoptest.Product(t, admin, 1_000_000)
	buyers := shoptest.Customers(t, admin, customers)
	for i := range buyers {
		buyers[i] = shoptest.New(shop.URL()).From(fmt.Sprintf("127.81.0.%d", i+1)).As(buyers[i].Token())
	}
	old, _ := roles(t, shop)
	require.NoError(t, old.Kill())
	end := watchHighest(t, shop, "shop_commit_held_writes", "shop_request_memory_held_bytes", "process_resident_memory_bytes")
	pace := rate.NewLimiter(perSecond, 1)
	answers := atOnce(t, orders, func(ctx context.Context, i int) (shoptest.Answer, error) {
		if err := pace.Wait(ctx); err != nil {
			return shoptest.Answer{}, err
		}
		return buyers[i%customers].Keyed(strconv.Itoa(i)).Try(ctx, "POST", "/v1/purchases", shoptest.Order(product, 1))
	})
	seen, counted := end(), map[string]int{}
	for _, a := range answers {
		name := strconv.Itoa(a.Status)
		if a.Status != http.StatusCreated {
			name += " " + a.Text(t, "code")
		}
		counted[name]++
	}
	t.Log(seen)
	require.Equal(t, map[string]int{"201": orders}, counted)
	require.Equal(t, int64(1_000_000-orders), shoptest.LedgerOf(t, admin, product).Stock)
	for _, replica := range []string{"api-1", "api-2"} {
		require.Greater(t, seen[replica+" shop_commit_held_writes"], 1000.0)
		require.Less(t, seen[replica+" process_resident_memory_bytes"], 128.0*(1<<20))
	}
}
