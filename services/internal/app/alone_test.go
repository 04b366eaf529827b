package app_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/app"
	"evergreen/services/internal/config"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// lone is an API replica in the test's own process; no nginx stands before it.
type lone struct {
	*app.App
	api, health string // host:port
}

// prepared builds a replica for the Redis of a stack; it is not started.
func prepared(t *testing.T, s *stack.Stack) *lone {
	t.Helper()
	settings := map[string]string{
		"REDIS_SENTINEL": "", "REDIS_PASSWORD": s.Setting("REDIS_API_PASSWORD"), "REPLICA_NAME": "api-alone",
	}
	for i, sentinel := range s.Sentinels() {
		if i > 0 {
			settings["REDIS_SENTINEL"] += ","
		}
		settings["REDIS_SENTINEL"] += sentinel
	}
	for _, name := range []string{"REDIS_MASTER_NAME", "SECRET_KEY", "ADMIN_EMAIL", "ADMIN_PASSWORD"} {
		settings[name] = s.Setting(name)
	}
	c, err := config.Load(func(name string) string { return settings[name] })
	require.NoError(t, err)
	c.Port, c.MetricsPort = freePort(t), freePort(t)
	l := &lone{api: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), health: net.JoinHostPort(c.Host, strconv.Itoa(c.MetricsPort))}
	l.App, err = app.New(c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Stop(context.WithoutCancel(t.Context()))) })
	return l
}

// says is the status and the text of a page of the second port.
func (l *lone) says(t *testing.T, path string) (status int, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.health+path, nil)
	require.NoError(t, err)
	a, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = a.Body.Close() }()
	body, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	return a.StatusCode, string(body)
}

// The port opens 5 s after the start if Redis is not there; a restart must not take that long if it is.
func TestAReplicaOpensItsPortAsSoonAsItIsReady(t *testing.T) {
	l, begun := prepared(t, shared), time.Now()
	require.NoError(t, l.Start(t.Context()))
	require.Less(t, time.Since(begun), 4*time.Second)
	status, text := l.says(t, "/readyz")
	require.Equal(t, []any{200, "ready\n"}, []any{status, text})
	shoptest.New("http://"+l.api).Want(t, 200, "GET", "/v1/products", nil)
}

// Who sends a header letter by letter holds a connection for 5 s, not for ever.
func TestAHeaderThatDoesNotComeEndsTheConnection(t *testing.T) {
	t.Parallel()
	conn, err := net.Dial("tcp", shared.Process("api-1").Addr())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET /v1/products HTTP/1.1\r\nHost: shop\r\nX-Slow: ")
	require.NoError(t, err)
	begun := time.Now()
	require.NoError(t, conn.SetReadDeadline(begun.Add(20*time.Second)))
	_, err = io.Copy(io.Discard, bufio.NewReader(conn))
	require.NoError(t, err, "it is closed")
	require.Greater(t, time.Since(begun), 4*time.Second, "one that is only slow has its time")
}

func TestWithoutAPrimaryAReadSaysItsAgeAndWithoutAnyNodeTheReplicaIsNotReady(t *testing.T) {
	t.Parallel()
	s := stack.StartT(t, stack.Options{Services: stack.RedisAndSentinels()})
	l := prepared(t, s)
	require.NoError(t, l.Start(t.Context()))
	anyone := shoptest.New("http://" + l.api)
	require.Empty(t, anyone.Want(t, 200, "GET", "/v1/products", nil).Header.Get("Age"), "from a fresh replica")
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	for _, name := range []string{"sentinel-1", "sentinel-2", "sentinel-3", primary} { // no other is promoted
		require.NoError(t, s.Process(name).Pause())
	}
	t.Run("an old answer says its age", func(t *testing.T) {
		require.Eventually(t, func() bool {
			age, err := strconv.Atoi(anyone.Want(t, 200, "GET", "/v1/products", nil).Header.Get("Age"))
			return err == nil && age >= 2
		}, 10*time.Second, 10*time.Millisecond)
	})
	status, _ := l.says(t, "/readyz")
	require.Equal(t, 200, status, "it can still show its products")

	for _, name := range []string{"redis-1", "redis-2", "redis-3"} {
		if name != primary {
			require.NoError(t, s.Process(name).Pause())
		}
	}
	status, text := l.says(t, "/readyz")
	require.Equal(t, []any{503, "no Redis node answers\n"}, []any{status, text})
	status, _ = l.says(t, "/livez")
	require.Equal(t, 200, status, "to start it anew would help nobody")
	for _, p := range s.Processes() {
		require.NoError(t, p.Resume())
	}
}
