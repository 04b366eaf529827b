package app_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/config"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// metricsURL is where a replica tells its metrics.
func metricsURL(s *stack.Stack, replica string) string {
	host, _, _ := strings.Cut(s.Process(replica).Addr(), ":")
	return "http://" + host + ":9100/metrics"
}

// exposition is what a replica tells Prometheus; accept is "" for plain text.
func exposition(t *testing.T, s *stack.Stack, replica, accept string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, metricsURL(s, replica), nil)
	require.NoError(t, err)
	request.Header.Set("Accept", accept)
	a, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.StatusCode, "%s", text)
	return string(text)
}

// figures are the values of all series, summed over these replicas.
type figures map[string]float64

func figuresOf(t *testing.T, s *stack.Stack, replicas ...string) figures {
	t.Helper()
	sum := figures{}
	for _, replica := range replicas {
		for line := range strings.Lines(exposition(t, s, replica, "")) {
			series, value, found := strings.Cut(strings.TrimSpace(line), "} ")
			if series += "}"; !found {
				series, value, found = strings.Cut(strings.TrimSpace(line), " ")
			}
			if strings.HasPrefix(line, "#") || !found {
				continue
			}
			number, err := strconv.ParseFloat(value, 64)
			require.NoError(t, err, line)
			sum[series] += number
		}
	}
	return sum
}

// rises demands how much series have risen since, all others of their metrics
// not at all.
func rises(t *testing.T, now, before figures, want figures) {
	t.Helper()
	got, expected := figures{}, figures{}
	for series := range want {
		name, _, _ := strings.Cut(series, "{")
		for other := range now {
			if otherName, _, _ := strings.Cut(other, "{"); otherName == name {
				got[other] = now[other] - before[other]
				expected[other] = want[other]
			}
		}
		_, there := now[series]
		require.True(t, there, series)
	}
	require.Equal(t, expected, got)
}

func TestWhatIsSoldIsCountedAndOnce(t *testing.T) {
	admin := adminOf(t, shared)
	ann, _ := shoptest.Customer(t, admin)
	scarce, plenty := shoptest.Product(t, admin, 3), shoptest.Product(t, admin, 100)
	before := figuresOf(t, shared, "api-1", "api-2")

	// Each repetition under the same key is the same request, and changes nothing.
	keyed := func(c *shoptest.Client, status, times int, path string, body any) (last shoptest.Answer) {
		c = c.Keyed(shoptest.Unique("key"))
		for range times {
			last = c.Want(t, status, "POST", path, body)
		}
		return last
	}
	both := shoptest.Object{"items": []shoptest.Object{shoptest.Line(scarce, 3), shoptest.Line(plenty, 1)}}
	first := "/v1/purchases/" + keyed(ann, 201, 3, "/v1/purchases", both).Text(t, "id")
	keyed(ann, 409, 2, "/v1/purchases", shoptest.Order(scarce, 1))
	ann.Want(t, 409, "POST", "/v1/purchases", shoptest.Order(scarce, 1))
	keyed(admin, 200, 3, first+"/pay", shoptest.Object{"reference": "paid"})
	admin.Want(t, 409, "POST", first+"/pay", shoptest.Object{"reference": "paid"})
	keyed(admin, 200, 2, first+"/refund", shoptest.Object{"items": []shoptest.Object{shoptest.Line(scarce, 1)}})
	keyed(admin, 200, 2, first+"/refund", shoptest.Object{})

	second := "/v1/purchases/" + keyed(ann, 201, 1, "/v1/purchases", shoptest.Order(plenty, 1)).Text(t, "id")
	keyed(ann, 200, 2, second+"/cancel", nil)
	third := "/v1/purchases/" + keyed(ann, 201, 1, "/v1/purchases", shoptest.Order(plenty, 1)).Text(t, "id")
	keyed(admin, 200, 1, third+"/pay", shoptest.Object{"reference": "paid"})
	keyed(admin, 200, 2, third+"/fulfil", nil)

	rises(t, figuresOf(t, shared, "api-1", "api-2"), before, figures{
		`shop_purchases_total{status="pending"}`:         3,
		`shop_purchases_total{status="paid"}`:            2,
		`shop_purchases_total{status="fulfilled"}`:       1,
		`shop_purchases_total{status="cancelled"}`:       1,
		`shop_purchases_total{status="refunded"}`:        1,
		`shop_revenue_minor_units_total{currency="EUR"}`: 5 * 1999,
		// First one piece of the four, then the rest.
		`shop_refunded_minor_units_total{currency="EUR"}`: 4 * 1999,
		"shop_stock_outs_total":                           1,
		"shop_stock_refusals_total":                       2,
		"shop_sessions_started_total":                     0,
	})
	now := figuresOf(t, shared, "api-1", "api-2")
	for series, want := range map[string]float64{
		`shop_http_requests_total{method="POST",route="/v1/purchases",status="201"}`:                  5,
		`shop_http_requests_total{method="POST",route="/v1/purchases",status="409"}`:                  3,
		`shop_http_requests_total{method="POST",route="/v1/purchases/:id/pay",status="200"}`:          4,
		`shop_http_request_duration_seconds_count{class="2xx",method="POST",route="/v1/purchases"}`:   5,
		`shop_http_request_duration_seconds_count{class="4xx",method="POST",route="/v1/purchases"}`:   3,
		`shop_commit_duration_seconds_count{outcome="acknowledged",script="purchase.create"}`:         8,
		`shop_commit_duration_seconds_count{outcome="acknowledged",script="purchase.refund"}`:         4,
		`shop_http_requests_total{method="POST",route="/v1/purchases/:id/fulfil",status="200"}`:       2,
		`shop_http_requests_total{method="POST",route="/v1/purchases/:id/fulfil",status="503"}`:       0,
		`shop_commits_total{outcome="unknown"}`:                                                       0,
		`shop_http_request_duration_seconds_count{class="2xx",method="POST",route="/v1/nonexistent"}`: 0,
	} {
		require.InDelta(t, want, now[series]-before[series], 0, series)
	}
	require.Greater(t, now[`shop_reads_total{source="replica"}`], before[`shop_reads_total{source="replica"}`])
	require.GreaterOrEqual(t, now[`shop_commits_total{outcome="acknowledged"}`]-before[`shop_commits_total{outcome="acknowledged"}`], 21.0)
}

func TestLoginsAndLogOutsAreCounted(t *testing.T) {
	admin := adminOf(t, shared)
	login := shoptest.Object{"email": shoptest.Unique("ann") + "@example.com", "password": shoptest.Password}
	admin.Want(t, 201, "POST", "/v1/users", login)
	before := figuresOf(t, shared, "api-1", "api-2")
	session := admin.As(admin.Want(t, 201, "POST", "/v1/sessions", login).Text(t, "token"))
	admin.Want(t, 201, "POST", "/v1/sessions", login)
	admin.Want(t, 401, "POST", "/v1/sessions", shoptest.Object{"email": login["email"], "password": "not the password"})
	session.Want(t, 204, "DELETE", "/v1/sessions/current", nil)
	session.Want(t, 401, "DELETE", "/v1/sessions/current", nil)
	rises(t, figuresOf(t, shared, "api-1", "api-2"), before, figures{"shop_sessions_started_total": 2, "shop_sessions_ended_total": 1})
}

func TestAHealthyShopSaysSo(t *testing.T) {
	primary, err := shared.Primary(t.Context())
	require.NoError(t, err)
	for _, replica := range []string{"api-1", "api-2"} {
		begun, now := figuresOf(t, shared, replica), figures{}
		const success = `shop_write_probes_total{outcome="success"}`
		require.Eventually(t, func() bool {
			now = figuresOf(t, shared, replica)
			return now[success] >= begun[success]+3
		}, 10*time.Second, 50*time.Millisecond, "a probe a second")
		require.InDelta(t, 1, now["shop_write_probe_success"], 0)
		require.Positive(t, now["shop_write_probe_duration_seconds"])
		require.Less(t, now["shop_write_probe_duration_seconds"], 1.0)
		require.InDelta(t, 1, now[`shop_redis_primary_info{addr="`+shared.Process(primary).Addr()+`"}`], 0)
		lags := 0
		for series, value := range now {
			if strings.HasPrefix(series, "shop_redis_replica_lag_seconds{") {
				lags++
				require.NotContains(t, series, shared.Process(primary).Addr())
				require.GreaterOrEqual(t, value, 0.0)
				require.Less(t, value, 2.0)
			}
		}
		require.Equal(t, 2, lags)
		// The stack's settings are .env.example's, with secrets of its own.
		require.Equal(t, config.ExampleAdmin, shared.Setting("ADMIN_EMAIL"))
		for setting, want := range map[string]float64{"ADMIN_EMAIL": 1, "ADMIN_PASSWORD": 0, "REDIS_PASSWORD": 0, "SENTINEL_PASSWORD": 0} {
			value, there := now[`shop_config_default{setting="`+setting+`"}`]
			require.True(t, there, setting)
			require.InDelta(t, want, value, 0, setting)
		}
	}
}
