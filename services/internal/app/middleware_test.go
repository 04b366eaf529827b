package app_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/texttest"
)

// Each row breaks two rules that stand next to each other in the chain; the
// answer has to be the earlier one's.
func TestARequestIsRefusedByTheFirstRuleThatItBreaks(t *testing.T) {
	admin := adminOf(t, shared)
	ann, _ := shoptest.Customer(t, admin)
	nobody := shoptest.New(direct("api-1")) // past nginx, which has a body limit of its own
	ann, admin = nobody.As(ann.Token()), nobody.As(admin.Token())
	id := shoptest.Product(t, admin, 10)
	huge := `{"name":"` + strings.Repeat("x", 1<<20) + `"}`
	used := admin.With("Idempotency-Key", shoptest.Unique("key"))
	used.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1))

	for _, row := range []struct {
		name         string
		who          *shoptest.Client
		method, path string
		body         any
		status       int
		code         string
	}{
		{"body cap before path id", nobody, "PATCH", "/v1/products/nonsense", huge, 413, "too-large"},
		{"path id before authentication", nobody, "PATCH", "/v1/products/nonsense", shoptest.Object{}, 400, "bad-parameter"},
		{"authentication before authorisation", nobody, "PATCH", "/v1/products/" + id, shoptest.Object{}, 401, "no-session"},
		{"authorisation before the body", ann, "POST", "/v1/products", `{"nonsense":`, 403, "forbidden"},
		{"media type before the body", admin.With("Content-Type", "text/plain"), "POST", "/v1/products", `{"nonsense":`, 415, "unsupported-media-type"},
		{"the body before its values", admin, "POST", "/v1/products", `{"name":`, 400, "bad-json"},
		{"values before the idempotency key", used, "POST", "/v1/purchases", shoptest.Object{"items": []shoptest.Object{}}, 422, "invalid"},
		{"the idempotency key before the handler", used, "POST", "/v1/purchases", shoptest.Order(id, 1000), 422, "idempotency-key-reused"},
		{"the handler last", admin, "POST", "/v1/purchases", shoptest.Order(id, 1000), 409, "insufficient-stock"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.who.Refused(t, row.status, row.code, row.method, row.path, row.body)
		})
	}
}

// direct gives the address of one API replica, past nginx.
func direct(name string) string { return "http://" + shared.Process(name).Addr() }

func TestARouteOrAVerbThatIsNotThereIsAProblemToo(t *testing.T) {
	anyone := shoptest.New(shared.URL())
	anyone.Refused(t, 404, "no-route", "GET", "/v1/nothing", nil)
	anyone.Refused(t, 404, "no-route", "GET", "/", nil)
	a := anyone.Want(t, 405, "PUT", "/v1/products", shoptest.Object{})
	require.ElementsMatch(t, []string{"GET", "POST"}, strings.Split(a.Header.Get("Allow"), ", "))
	anyone.Refused(t, 405, "no-method", "PATCH", "/v1/sessions/current", shoptest.Object{})
}

func TestNginxTellsWhichReplicaAnsweredAndBothDo(t *testing.T) {
	anyone, served := shoptest.New(shared.URL()), map[string]int{}
	for range 20 {
		a := anyone.Want(t, 200, "GET", "/v1/products?limit=1", nil)
		served[a.Header.Get("X-Served-By")]++
		require.NotEmpty(t, a.Header.Get("X-Request-Id"))
	}
	require.Equal(t, 20, served["api-1"]+served["api-2"])
	require.Positive(t, served["api-1"])
	require.Positive(t, served["api-2"])
}

func TestARequestIDOfTheClientsOwnIsNotTaken(t *testing.T) {
	for _, base := range []string{shared.URL(), direct("api-1")} {
		a := shoptest.New(base).With("X-Request-Id", "mine").Want(t, 200, "GET", "/v1/products?limit=1", nil)
		require.NotEqual(t, "mine", a.Header.Get("X-Request-Id"))
	}
}

func TestOneUserMayNotAskTooOftenAndAnAdminMay(t *testing.T) {
	admin := adminOf(t, shared)
	ann, _ := shoptest.Customer(t, admin)
	var refused, done sync.Map
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for i := range 60 {
				a, err := ann.Try(t.Context(), "GET", "/v1/sessions/current", nil)
				if err == nil && a.Status == 429 {
					refused.Store(fmt.Sprint(worker, i), a.Header.Get("Retry-After"))
				} else if err == nil && a.Status == 200 {
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
		admin.Want(t, 200, "GET", "/v1/sessions/current", nil)
	}
}

func size(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

func TestLoginsOfOneAccountAreLimitedInCapitalsTooUnlessAnAdminAsks(t *testing.T) {
	admin := adminOf(t, shared)
	email := shoptest.Unique("guess") + "@example.com"
	login := shoptest.Object{"email": email, "password": "guess guess guess"}
	anyone := shoptest.New(shared.URL())
	statuses := map[int]int{}
	for i := range 12 {
		login["email"] = strings.ToUpper(email[:i]) + email[i:]
		statuses[anyone.Do(t, "POST", "/v1/sessions", login).Status]++
	}
	require.Equal(t, map[int]int{401: 10, 429: 2}, statuses)
	login["email"] = strings.ToUpper(email)
	anyone.Refused(t, 429, "signin-rate", "POST", "/v1/users", login)
	for range 12 {
		admin.Want(t, 401, "POST", "/v1/sessions", login)
	}
}

func TestNoLogHoldsASecret(t *testing.T) {
	admin := adminOf(t, shared)
	email, secret := shoptest.Unique("quiet")+"@example.com", shoptest.Unique("a very secret password")
	admin.Want(t, 201, "POST", "/v1/users", shoptest.Object{"email": email, "password": secret})
	token := admin.Want(t, 201, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": secret}).Text(t, "token")
	admin.As(token).Want(t, 200, "GET", "/v1/sessions/current", nil)
	admin.Want(t, 401, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": secret + "!"})
	admin.Want(t, 422, "POST", "/v1/users", shoptest.Object{"email": email, "password": secret, "token": token})
	last := admin.Want(t, 400, "GET", "/v1/users?email="+email+"&token="+token+"&limit=x", nil).Header.Get("X-Request-Id")

	var logs strings.Builder
	for _, process := range shared.Processes() {
		text, err := os.ReadFile(process.LogPath())
		require.NoError(t, err)
		logs.Write(text)
	}
	texttest.Contains(t, logs.String(), last, "the logs were read too early, or a request is not logged")
	for _, hidden := range []string{
		secret, token, admin.Token(), email, shared.Setting("SECRET_KEY"), shared.Setting("REDIS_API_PASSWORD"), shared.Setting("ADMIN_PASSWORD"),
	} {
		texttest.NotContains(t, logs.String(), hidden)
	}
}

func TestARequestIsOneLogLineWithItsRouteAndNotItsPath(t *testing.T) {
	id := shoptest.Product(t, adminOf(t, shared), 1)
	a := shoptest.New(direct("api-2")).Want(t, 200, "GET", "/v1/products/"+id, nil)
	text, err := os.ReadFile(shared.Process("api-2").LogPath())
	require.NoError(t, err)
	var lines []string
	for _, line := range strings.Split(string(text), "\n") {
		if strings.Contains(line, a.Header.Get("X-Request-Id")) {
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
	anyone := shoptest.New(direct("api-1"))
	for range 20 {
		anyone.Want(t, 404, "GET", "/nowhere/"+shoptest.Unique("path"), nil)
		anyone.Do(t, strings.ToUpper(strings.ReplaceAll(shoptest.Unique("verb"), "-", "")), "/v1/products", nil)
	}
	host, _, _ := strings.Cut(shared.Process("api-1").Addr(), ":")
	metrics := string(shoptest.New("http://"+host+":9100").Want(t, 200, "GET", "/metrics", nil).Body)
	texttest.NotContains(t, metrics, "nowhere")
	texttest.NotContains(t, metrics, "VERB")
	for _, name := range []string{
		`shop_http_requests_total{method="GET",route="unmatched",status="404"}`,
		`shop_http_request_duration_seconds_bucket{`, "shop_http_requests_in_flight ", "shop_build_info{", "go_goroutines ",
		`shop_redis_pool_connections{`, `shop_commit_duration_seconds_count{outcome="acknowledged",script="`,
	} {
		texttest.Contains(t, metrics, name)
	}
}

func TestHealthIsOnTheSecondPortAlone(t *testing.T) {
	host, _, _ := strings.Cut(shared.Process("api-1").Addr(), ":")
	health := shoptest.New("http://" + host + ":9100")
	for _, path := range []string{"/livez", "/readyz"} {
		health.Want(t, http.StatusOK, "GET", path, nil)
		shoptest.New(shared.URL()).Want(t, http.StatusNotFound, "GET", path, nil)
	}
}
