//go:build drill

package bench

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// Whether the bars are met is for make bench, on a machine that has nothing else
// to do; here it is whether each way sells at all.
func TestEveryWaySells(t *testing.T) {
	servers := stack.StartT(t, stack.Options{Services: stack.RedisAndSentinels()})
	o := Options{Rounds: 1, Turns: 2, Warm: 20 * time.Millisecond, Last: 200 * time.Millisecond, Callers: 60, Out: io.Discard, Notes: io.Discard}
	found, err := measure(t.Context(), o, servers)
	require.NoError(t, err)
	require.Equal(t, []string{grouped, bare, alone}, found.order)
	for way, rates := range found.rates {
		require.Len(t, rates, 1)
		require.Positive(t, rates[0], way)
	}
}

func TestTheReplicaWithoutMetricsAnswersAllTheSame(t *testing.T) {
	program, err := buildAPI(t.Context(), t.TempDir())
	require.NoError(t, err)
	servers := stack.StartT(t, stack.Options{
		Services: append(stack.RedisAndSentinels(), "api-1", "api-2"), APIBinary: program, Settings: map[string]string{withoutMetrics: "api-2"},
	})
	c, err := enter(t.Context(), servers, "api-2")
	require.NoError(t, err)
	require.NoError(t, c.serve(t.Context(), Options{Clients: 4, Requests: 500 * time.Millisecond}))
	require.Equal(t, []string{metered, unmetered}, []string{c.replicas[0].name, c.replicas[1].name})
	for _, r := range c.replicas {
		require.Positive(t, r.answered)
		require.Positive(t, r.processor)
		require.Less(t, r.processor, 30*time.Second)
	}
	for service, counts := range map[string]bool{"api-1": true, "api-2": false} {
		host, _, _ := net.SplitHostPort(servers.Process(service).Addr())
		text, err := c.ask(t.Context(), "GET", "http://"+host+":9100/metrics", nil, 200)
		require.NoError(t, err)
		require.Equal(t, counts, strings.Contains(string(text), `shop_purchases_total{status="pending"}`), service)
		texttest.Contains(t, string(text), "go_goroutines")
	}
}
