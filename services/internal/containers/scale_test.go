//go:build containers

package containers_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
)

// TestFourAPIReplicasShareTheLoadEvenly does what docs/scaling.md says: two settings, and up.
func TestFourAPIReplicasShareTheLoadEvenly(t *testing.T) {
	s := whole(t)
	sold := s.sell(t)
	four, err := s.Changed(t.Context(), map[string]string{"API_REPLICAS": "4", "COMPOSE_PROFILES": "api-4"})
	require.NoError(t, err)
	s.Project = four
	require.Len(t, s.Named("api-"), 4)
	require.NoError(t, s.Up(t.Context()))
	s.heal(t)
	sold.requireThere(t, s)

	const requests = 1000
	served, err := s.servedBy(t, requests)
	require.NoError(t, err)
	t.Logf("of %d requests: %v", requests, served)
	require.Len(t, served, 4)
	for name, n := range served {
		require.GreaterOrEqual(t, n, requests*20/100, name)
		require.LessOrEqual(t, n, requests*30/100, name)
	}
	await(t, time.Minute, "Prometheus has heard all four", func() bool { return s.heardByPrometheus(t) == 4 })
}

// heardByPrometheus counts the API replicas that it reaches.
func (s *shop) heardByPrometheus(t *testing.T) int {
	t.Helper()
	return s.countByPrometheus(t, `up{job="api"} == 1`)
}

// countByPrometheus is how many series an expression has.
func (s *shop) countByPrometheus(t *testing.T, expression string) int {
	t.Helper()
	query := url.Values{"query": {expression}}.Encode()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		"http://127.0.0.1:"+s.Setting("PROMETHEUS_PORT")+"/api/v1/query?"+query, nil)
	require.NoError(t, err)
	found, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer func() { _ = found.Body.Close() }()
	var answer struct {
		Data struct{ Result []json.RawMessage }
	}
	if err := json.NewDecoder(found.Body).Decode(&answer); err != nil {
		return 0
	}
	return len(answer.Data.Result)
}

// servedBy reads n times, eight at a time, and says how many of the answers each replica gave.
func (s *shop) servedBy(t *testing.T, n int) (map[string]int, error) {
	t.Helper()
	var mu sync.Mutex
	served := map[string]int{}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	reader := shoptest.New(s.URL())
	for range n {
		group.Go(func() error {
			a, err := reader.Expect(ctx, http.StatusOK, "GET", "/v1/products?limit=1", nil)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			served[a.Header.Get("X-Served-By")]++
			return nil
		})
	}
	return served, group.Wait()
}
