package edge

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// weighed is RATE_EDGE_PER_SECOND of the tests of weights.
const weighed = 60

// burstOf is how many requests of a weight pass at once.
func burstOf(t *testing.T, placeholder string) int {
	t.Helper()
	burst, err := strconv.Atoi(stack.EdgeRates(weighed)[placeholder])
	require.NoError(t, err)
	return burst + 1 // the first one is within the rate
}

func TestAPageOfAListWeighsMoreThanAnObject(t *testing.T) {
	cases := map[string][]string{
		"RATE_EDGE_BURST": {"/v1/products/1", "/v1/purchases/1?limit=100", "/v1/sessions/current", "/docs"},
		"PLAIN_PAGES_BURST": {
			"/v1/products", "/v1/products?limit=20", "/v1/purchases?limit=7&cursor=abc", "/v1/products?category=shoes", "/v1/users",
			"/v1/products/1/stock", "/v1/%70roducts",
		},
		"LARGE_PAGES_BURST": {
			"/v1/products?limit=100", "/v1/purchases?limit=21", "/v1/users?cursor=abc&limit=99", "/v1/products?limit=%31%30%30",
			"/v1/products?limit=020", "/v1/purchases?status=paid", "/v1/products?category=shoes&tag=red",
			"/v1/products?category=shoes&limit=5&tag=red",
		},
		"EXPANDED_PAGES_BURST": {
			"/v1/purchases?expand=items", "/v1/purchases?limit=1&expand=items", "/v1/purchases?e%78pand=items", "/v1/products?limi%74=100",
			"/v1/purchases?status=pending&expand=items",
		},
	}
	for placeholder, paths := range cases {
		for _, path := range paths {
			t.Run(placeholder+" "+path, func(t *testing.T) {
				t.Parallel()
				e := startEdge(t, perSecond(weighed))
				begun := time.Now()
				passed := 0
				got := e.send("GET", path, "")
				for ; got.status == http.StatusOK; passed++ {
					got = e.send("GET", path, "")
				}
				require.Equal(t, "address-limit", problemOf(t, got, http.StatusTooManyRequests).Code)
				burst := burstOf(t, placeholder)
				regained := int(time.Since(begun).Seconds()*float64(weighed)) + 1 // at most, whatever the weight
				require.GreaterOrEqual(t, passed, burst)
				require.LessOrEqual(t, passed, burst+regained)
			})
		}
	}
}

func TestPagesAtTheLimitLeaveOtherRequestsOfTheAddressAlone(t *testing.T) {
	e := startEdge(t, perSecond(weighed))
	for range burstOf(t, "LARGE_PAGES_BURST") {
		require.Equal(t, http.StatusOK, e.send("GET", "/v1/products?limit=100", "").status)
	}
	require.Equal(t, http.StatusTooManyRequests, e.send("GET", "/v1/products?limit=100", "").status)
	require.Equal(t, http.StatusOK, e.send("GET", "/v1/products", "").status)
	require.Equal(t, http.StatusOK, e.send("GET", "/v1/products/1", "").status)
	require.Equal(t, http.StatusOK, e.send("POST", "/v1/purchases?limit=100", "{}").status, "a write is no page")
}

func TestWhatFollowsANumberSignIsWeighedToo(t *testing.T) {
	e := startEdge(t, perSecond(weighed))
	request := "GET /v1/products?a#&limit=100 HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"
	for range burstOf(t, "LARGE_PAGES_BURST") {
		require.Equal(t, http.StatusOK, e.sendRaw(t, request).status)
	}
	require.Equal(t, http.StatusTooManyRequests, e.send("GET", "/v1/products?limit=100", "").status, "all were large pages")
}

func TestPagesPassAtTheirOwnRate(t *testing.T) {
	cases := map[string]float64{
		"/v1/products": weighed / 4., "/v1/products?limit=100": weighed / 10., "/v1/purchases?expand=items": weighed / 30.,
	}
	for path, rate := range cases {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			e := startEdge(t, perSecond(weighed))
			for e.send("GET", path, "").status == http.StatusOK {
			}
			passed, begun := 0, time.Now()
			pause := time.NewTicker(5 * time.Millisecond)
			defer pause.Stop()
			for ; time.Since(begun) < 4*time.Second; <-pause.C {
				if e.send("GET", path, "").status == http.StatusOK {
					passed++
				}
			}
			require.InDelta(t, rate*time.Since(begun).Seconds(), passed, 2)
		})
	}
}
