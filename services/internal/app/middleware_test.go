package app_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each row breaks two rules that stand next to each other in the chain; the
// answer has to be the earlier one's.
func TestARequestIsRefusedByTheFirstRuleThatItBreaks(t *testing.T) {
	admin := adminOf(t, shared)
	ann, _ := customer(t, admin)
	nobody := newClient(direct("api-1")) // past nginx, which has a body limit of its own
	ann, admin = nobody.as(ann.token), nobody.as(admin.token)
	id := product(t, admin, 10)
	huge := `{"name":"` + strings.Repeat("x", 1<<20) + `"}`
	used := admin.with("Idempotency-Key", unique("key"))
	used.want(t, 201, "POST", "/v1/purchases", order(id, 1))

	for _, row := range []struct {
		name         string
		who          *client
		method, path string
		body         any
		status       int
		code         string
	}{
		{"body cap before path id", nobody, "PATCH", "/v1/products/nonsense", huge, 413, "too-large"},
		{"path id before authentication", nobody, "PATCH", "/v1/products/nonsense", object{}, 400, "bad-parameter"},
		{"authentication before authorisation", nobody, "PATCH", "/v1/products/" + id, object{}, 401, "no-session"},
		{"authorisation before the body", ann, "POST", "/v1/products", `{"nonsense":`, 403, "forbidden"},
		{"media type before the body", admin.with("Content-Type", "text/plain"), "POST", "/v1/products", `{"nonsense":`, 415, "unsupported-media-type"},
		{"the body before its values", admin, "POST", "/v1/products", `{"name":`, 400, "bad-json"},
		{"values before the idempotency key", used, "POST", "/v1/purchases", object{"items": []object{}}, 422, "invalid"},
		{"the idempotency key before the handler", used, "POST", "/v1/purchases", order(id, 1000), 422, "idempotency-key-reused"},
		{"the handler last", admin, "POST", "/v1/purchases", order(id, 1000), 409, "insufficient-stock"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.who.refused(t, row.status, row.code, row.method, row.path, row.body)
		})
	}
}

// direct gives the address of one API replica, past nginx.
func direct(name string) string { return "http://" + shared.Process(name).Addr() }

func TestARouteOrAVerbThatIsNotThereIsAProblemToo(t *testing.T) {
	anyone := newClient(shared.URL())
	anyone.refused(t, 404, "no-route", "GET", "/v1/nothing", nil)
	anyone.refused(t, 404, "no-route", "GET", "/", nil)
	a := anyone.want(t, 405, "PUT", "/v1/products", object{})
	require.ElementsMatch(t, []string{"GET", "POST"}, strings.Split(a.header.Get("Allow"), ", "))
	anyone.refused(t, 405, "no-method", "PATCH", "/v1/sessions/current", object{})
}

func TestNginxTellsWhichReplicaAnsweredAndBothDo(t *testing.T) {
	anyone, served := newClient(shared.URL()), map[string]int{}
	for range 20 {
		a := anyone.want(t, 200, "GET", "/v1/products?limit=1", nil)
		served[a.header.Get("X-Served-By")]++
		require.NotEmpty(t, a.header.Get("X-Request-Id"))
	}
	require.Equal(t, 20, served["api-1"]+served["api-2"])
	require.Positive(t, served["api-1"])
	require.Positive(t, served["api-2"])
}

func TestARequestIDOfTheClientsOwnIsNotTaken(t *testing.T) {
	for _, base := range []string{shared.URL(), direct("api-1")} {
		a := newClient(base).with("X-Request-Id", "mine").want(t, 200, "GET", "/v1/products?limit=1", nil)
		require.NotEqual(t, "mine", a.header.Get("X-Request-Id"))
	}
}

func TestOneUserMayNotAskTooOftenAndAnAdminMay(t *testing.T) {
	admin := adminOf(t, shared)
	ann, _ := customer(t, admin)
	var refused, done sync.Map
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for i := range 60 {
				a, err := ann.try(t.Context(), "GET", "/v1/sessions/current", nil)
				if err == nil && a.status == 429 {
					refused.Store(fmt.Sprint(worker, i), a.header.Get("Retry-After"))
				} else if err == nil && a.status == 200 {
					done.Store(fmt.Sprint(worker, i), true)
				}
			}
		})
	}
	group.Wait()
	require.GreaterOrEqual(t, size(&done), 200, "the burst of two seconds' worth")
	require.Positive(t, size(&refused))
	refused.Range(func(_, wait any) bool { require.Equal(t, "1", wait); return true })
	for range 250 {
		admin.want(t, 200, "GET", "/v1/sessions/current", nil)
	}
}

func size(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

func TestLoginsOfOneAccountAreLimitedUnlessAnAdminAsks(t *testing.T) {
	admin := adminOf(t, shared)
	login := object{"email": unique("guess") + "@example.com", "password": "guess guess guess"}
	anyone := newClient(shared.URL())
	statuses := map[int]int{}
	for range 12 {
		statuses[anyone.do(t, "POST", "/v1/sessions", login).status]++
	}
	require.Equal(t, map[int]int{401: 10, 429: 2}, statuses)
	for range 12 {
		admin.want(t, 401, "POST", "/v1/sessions", login)
	}
}

func TestNoLogHoldsASecret(t *testing.T) {
	admin := adminOf(t, shared)
	email, secret := unique("quiet")+"@example.com", unique("a very secret password")
	admin.want(t, 201, "POST", "/v1/users", object{"email": email, "password": secret})
	token := admin.want(t, 201, "POST", "/v1/sessions", object{"email": email, "password": secret}).text(t, "token")
	admin.as(token).want(t, 200, "GET", "/v1/sessions/current", nil)
	admin.want(t, 401, "POST", "/v1/sessions", object{"email": email, "password": secret + "!"})
	admin.want(t, 422, "POST", "/v1/users", object{"email": email, "password": secret, "token": token})
	last := admin.want(t, 400, "GET", "/v1/users?email="+email+"&token="+token+"&limit=x", nil).header.Get("X-Request-Id")

	var logs strings.Builder
	for _, process := range shared.Processes() {
		text, err := os.ReadFile(process.LogPath())
		require.NoError(t, err)
		logs.Write(text)
	}
	require.Contains(t, logs.String(), last, "the logs were read too early, or a request is not logged")
	for _, hidden := range []string{
		secret, token, admin.token, email, shared.Setting("SECRET_KEY"), shared.Setting("REDIS_API_PASSWORD"), shared.Setting("ADMIN_PASSWORD"),
	} {
		require.NotContains(t, logs.String(), hidden)
	}
}

func TestARequestIsOneLogLineWithItsRouteAndNotItsPath(t *testing.T) {
	id := product(t, adminOf(t, shared), 1)
	a := newClient(direct("api-2")).want(t, 200, "GET", "/v1/products/"+id, nil)
	text, err := os.ReadFile(shared.Process("api-2").LogPath())
	require.NoError(t, err)
	var lines []string
	for _, line := range strings.Split(string(text), "\n") {
		if strings.Contains(line, a.header.Get("X-Request-Id")) {
			lines = append(lines, line)
		}
	}
	require.Len(t, lines, 1)
	for _, part := range []string{`"route":"/v1/products/:id"`, `"status":200`, `"replica":"api-2"`, `"method":"GET"`, `"duration_ms":`} {
		require.Contains(t, lines[0], part)
	}
	require.NotContains(t, lines[0], id)
}

func TestMetricsNameRoutesAndNeverPaths(t *testing.T) {
	anyone := newClient(direct("api-1"))
	for range 20 {
		anyone.want(t, 404, "GET", "/nowhere/"+unique("path"), nil)
		anyone.do(t, strings.ToUpper(strings.ReplaceAll(unique("verb"), "-", "")), "/v1/products", nil)
	}
	host, _, _ := strings.Cut(shared.Process("api-1").Addr(), ":")
	metrics := string(newClient("http://"+host+":9100").want(t, 200, "GET", "/metrics", nil).body)
	require.NotContains(t, metrics, "nowhere")
	require.NotContains(t, metrics, "VERB")
	for _, name := range []string{
		`shop_http_requests_total{method="GET",route="unmatched",status="404"}`,
		`shop_http_request_duration_seconds_bucket{`, "shop_http_requests_in_flight ", "shop_build_info{", "go_goroutines ",
		`shop_redis_pool_connections{`, `shop_commit_duration_seconds_count{outcome="acknowledged",script="`,
	} {
		require.Contains(t, metrics, name)
	}
}

func TestHealthIsOnTheSecondPortAlone(t *testing.T) {
	host, _, _ := strings.Cut(shared.Process("api-1").Addr(), ":")
	health := newClient("http://" + host + ":9100")
	for _, path := range []string{"/livez", "/readyz"} {
		health.want(t, http.StatusOK, "GET", path, nil)
		newClient(shared.URL()).want(t, http.StatusNotFound, "GET", path, nil)
	}
}
