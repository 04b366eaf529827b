package app_test

import (
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/app"
	"evergreen/services/internal/config"
	"evergreen/services/internal/shoptest"
)

var pathParameter = regexp.MustCompile(`:([a-z]+)`)

func TestEveryRouteIsDocumentedAndEveryDocumentedRouteIsThere(t *testing.T) {
	routes, err := app.Routes()
	require.NoError(t, err)
	var there []string
	for _, route := range routes {
		there = append(there, route.Method+" "+pathParameter.ReplaceAllString(route.Path, "{$1}"))
	}
	slices.Sort(there)
	require.Equal(t, shoptest.Contract().Operations(), there)
}

func TestTheDocumentAndItsPageAreServedWithoutASession(t *testing.T) {
	for _, base := range []string{shared.URL(), direct("api-2")} {
		anyone := shoptest.New(base)
		text := anyone.Want(t, 200, "GET", "/openapi.yaml", nil)
		require.True(t, strings.HasPrefix(string(text.Body), "# What the API promises"), "%.100s", text.Body)
		anyone.With("If-None-Match", text.Header.Get("ETag")).Want(t, 304, "GET", "/openapi.yaml", nil)

		page := anyone.Want(t, 200, "GET", "/docs", nil)
		require.Contains(t, page.Header.Get("Content-Security-Policy"), "default-src 'none'")
		links := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllSubmatch(page.Body, -1)
		require.Len(t, links, 6)
		for _, link := range links {
			require.NotEmpty(t, anyone.Want(t, 200, "GET", string(link[1]), nil).Body, "%s", link[1])
		}
		anyone.Refused(t, 404, "no-route", "GET", "/docs/index.html", nil)
	}
}

func TestTheDocumentAndItsPageAreServedBeforeTheShopIsReady(t *testing.T) {
	replica, err := app.New(config.Config{
		ReplicaName: "api-1", MasterName: "evergreen", Sentinels: []string{"127.0.0.1:1"}, RequestMemory: 64,
		SecretKey: make([]byte, config.MinSecret),
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	server := httptest.NewServer(app.Handler(replica))
	defer server.Close()
	anyone := shoptest.New(server.URL)
	anyone.Want(t, 200, "GET", "/openapi.yaml", nil)
	anyone.Want(t, 200, "GET", "/docs", nil)
	anyone.Want(t, 200, "GET", "/docs/swagger-ui-bundle.js", nil)
	anyone.Refused(t, 503, "starting", "GET", "/v1/products", nil)
}

func TestAReplicaThatIsAskedSecondDoesNotSayThatNothingWasChanged(t *testing.T) {
	for _, row := range []struct {
		name, method, retried string
		trusted               []string
		code                  string
	}{
		{"a write, asked first", "POST", "", []string{"127.0.0.1"}, "starting"},
		{"a write, asked second", "POST", "1", []string{"127.0.0.1"}, "outcome-unknown"},
		{"a write, with the header from somebody who is not trusted", "POST", "1", nil, "starting"},
		{"a read, asked second", "GET", "1", []string{"127.0.0.1"}, "starting"},
	} {
		t.Run(row.name, func(t *testing.T) {
			replica, err := app.New(config.Config{
				ReplicaName: "api-1", MasterName: "evergreen", Sentinels: []string{"127.0.0.1:1"}, SecretKey: make([]byte, config.MinSecret),
				TrustedProxies: row.trusted,
			}, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			server := httptest.NewServer(app.Handler(replica))
			defer server.Close()
			anyone := shoptest.New(server.URL)
			if row.retried != "" {
				anyone = anyone.With("X-Retried", row.retried)
			}
			anyone.Refused(t, 503, row.code, row.method, "/v1/products", nil)
		})
	}
}
