package app_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/app"
	"evergreen/services/internal/config"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// freePort gives a port of the loopback address that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	return listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener has a TCP address
}

func TestAReplicaThatFindsNoRedisSaysSoAndEndsCleanly(t *testing.T) {
	settings := map[string]string{
		"SECRET_KEY": strings.Repeat("s", 32), "REDIS_SENTINEL": "127.0.0.1:1", "ADMIN_EMAIL": "admin@example.com", "ADMIN_PASSWORD": shoptest.Password,
	}
	c, err := config.Load(func(name string) string { return settings[name] })
	require.NoError(t, err)
	c.Port, c.MetricsPort = freePort(t), freePort(t)
	replica, err := app.New(c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, replica.Stop(t.Context()), "one that was never started")

	begun := time.Now()
	require.NoError(t, replica.Start(t.Context()))
	require.InDelta(t, 5, time.Since(begun).Seconds(), 1, "the port opens after 5 s at the latest")
	api := shoptest.New("http://" + net.JoinHostPort(c.Host, strconv.Itoa(c.Port)))
	a, err := api.Try(t.Context(), "GET", "/v1/products", nil)
	require.NoError(t, err)
	require.Equal(t, 503, a.Status)
	require.Equal(t, "starting", a.Text(t, "code"))
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	health := "http://" + net.JoinHostPort(c.Host, strconv.Itoa(c.MetricsPort))
	for path, status := range map[string]int{"/livez": 200, "/readyz": 503, "/metrics": 200} {
		require.Equal(t, status, statusOf(t, health+path), path)
	}
	require.Error(t, replica.Start(t.Context()), "it is started once")
	require.NoError(t, replica.Stop(t.Context()))
	require.NoError(t, replica.Stop(t.Context()))
	require.Zero(t, statusOf(t, health+"/livez"))
}

// statusOf asks a page outside the API; 0 when nobody answers.
func statusOf(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	a, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	require.NoError(t, a.Body.Close())
	return a.StatusCode
}

func TestTheAdminsPasswordIsTheSettingsUntilSomebodyChangesIt(t *testing.T) {
	dir, prefix := t.TempDir(), ""
	start := func(password string) (*stack.Stack, *shoptest.Client) {
		s, err := stack.Start(t.Context(), stack.Options{Dir: dir, Net: prefix, Settings: map[string]string{
			"ADMIN_PASSWORD": password, "SESSION_TTL": "3s", "REDIS_PASSWORD": shared.Setting("REDIS_API_PASSWORD"),
		}})
		require.NoError(t, err)
		prefix = s.Net
		return s, shoptest.New(s.URL())
	}
	login := func(s *stack.Stack, password string) shoptest.Object {
		return shoptest.Object{"email": s.Setting("ADMIN_EMAIL"), "password": password}
	}
	stop := func(s *stack.Stack) { require.NoError(t, s.Stop(context.WithoutCancel(t.Context()))) }

	s, c := start("the first password")
	session := c.Want(t, 201, "POST", "/v1/sessions", login(s, "the first password"))
	admin := c.As(session.Text(t, "token"))
	requireSliding(t, admin)
	admin = c.As(c.Want(t, 201, "POST", "/v1/sessions", login(s, "the first password")).Text(t, "token"))
	admin.Want(t, 200, "PATCH", "/v1/users/"+session.Text(t, "user", "id"), shoptest.Object{"password": "changed by the admin"})
	stop(s)

	s, c = start("the first password")
	c.Want(t, 201, "POST", "/v1/sessions", login(s, "changed by the admin"))
	c.Want(t, 401, "POST", "/v1/sessions", login(s, "the first password"))
	stop(s)

	s, c = start("changed in the settings")
	c.Want(t, 201, "POST", "/v1/sessions", login(s, "changed in the settings"))
	c.Want(t, 401, "POST", "/v1/sessions", login(s, "changed by the admin"))
	stop(s)
}

// requireSliding uses a session of 3 s for 5 s, then leaves it alone.
func requireSliding(t *testing.T, c *shoptest.Client) {
	t.Helper()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for range 10 {
		<-tick.C
		c.Want(t, 200, "GET", "/v1/sessions/current", nil)
	}
	idle := time.Now()
	require.Eventually(t, func() bool { return time.Since(idle) > 3500*time.Millisecond }, 5*time.Second, 50*time.Millisecond)
	c.Refused(t, 401, "no-session", "GET", "/v1/sessions/current", nil)
}
