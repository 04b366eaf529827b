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
	require.Equal(t, contract.Operations(), there)
}

func TestTheDocumentAndItsPageAreServedWithoutASession(t *testing.T) {
	for _, base := range []string{shared.URL(), direct("api-2")} {
		anyone := newClient(base)
		text := anyone.want(t, 200, "GET", "/openapi.yaml", nil)
		require.True(t, strings.HasPrefix(string(text.body), "# What the API promises"), "%.100s", text.body)
		anyone.with("If-None-Match", text.header.Get("ETag")).want(t, 304, "GET", "/openapi.yaml", nil)

		page := anyone.want(t, 200, "GET", "/docs", nil)
		require.Contains(t, page.header.Get("Content-Security-Policy"), "default-src 'none'")
		links := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllSubmatch(page.body, -1)
		require.Len(t, links, 6)
		for _, link := range links {
			require.NotEmpty(t, anyone.want(t, 200, "GET", string(link[1]), nil).body, "%s", link[1])
		}
		anyone.refused(t, 404, "no-route", "GET", "/docs/index.html", nil)
	}
}

func TestTheDocumentAndItsPageAreServedBeforeTheShopIsReady(t *testing.T) {
	replica, err := app.New(config.Config{
		ReplicaName: "api-1", MasterName: "evergreen", Sentinels: []string{"127.0.0.1:1"}, SecretKey: make([]byte, config.MinSecret),
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	server := httptest.NewServer(app.Handler(replica))
	defer server.Close()
	anyone := newClient(server.URL)
	anyone.want(t, 200, "GET", "/openapi.yaml", nil)
	anyone.want(t, 200, "GET", "/docs", nil)
	anyone.want(t, 200, "GET", "/docs/swagger-ui-bundle.js", nil)
	anyone.refused(t, 503, "starting", "GET", "/v1/products", nil)
}
