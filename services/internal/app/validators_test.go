package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

func TestAWeakTagOfTheClientsCopyIsCurrentToo(t *testing.T) {
	admin := adminOf(t, shared)
	path := "/v1/products/" + shoptest.Product(t, admin, 1)
	etag := admin.Want(t, 200, "GET", path, nil).Header.Get("ETag")
	for _, sent := range []string{"W/" + etag, `"9.9", W/` + etag, "W/\"9.9\" , " + etag, "*"} {
		require.Empty(t, admin.With("If-None-Match", sent).Want(t, 304, "GET", path, nil).Body, sent)
	}
	admin.With("If-None-Match", `W/"9.9"`).Want(t, 200, "GET", path, nil)
}

// nginx refuses these two before any replica is asked; a replica must not rely on it.
func TestAReplicaTakesNeitherOfTwoAuthorizationsNorOfTwoIfMatches(t *testing.T) {
	admin := adminOf(t, shared).At(direct("api-1"))
	path := "/v1/products/" + shoptest.Product(t, admin, 1)
	good := "Bearer " + admin.Token()
	nobody := shoptest.New(direct("api-1"))
	for _, pair := range [][2]string{{good, good}, {good, "Bearer x"}, {"Bearer x", good}} {
		nobody.Twice("Authorization", pair[0], pair[1]).Refused(t, 401, "no-session", "GET", "/v1/sessions/current", nil)
	}
	etag := admin.Want(t, 200, "GET", path, nil).Header.Get("ETag")
	for _, pair := range [][2]string{{etag, etag}, {etag, `"9"`}, {"*", etag}, {"*", "*"}} {
		p := admin.Twice("If-Match", pair[0], pair[1]).Refused(t, 400, "bad-parameter", "PATCH", path, shoptest.Object{"name": "Other"})
		require.Equal(t, "If-Match", p.Errors[0].Parameter)
	}
}
