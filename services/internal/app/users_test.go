package app_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSomebodySignsUpLogsInAndOut(t *testing.T) {
	anyone := newClient(shared.URL())
	admin := adminOf(t, shared)
	email := unique("Ann.Lee") + "@Example.com"
	body := object{"email": email, "password": password, "first_name": "Ann", "last_name": "Lee"}

	made := admin.want(t, 201, "POST", "/v1/users", body)
	require.Equal(t, "/v1/users/"+made.text(t, "id"), made.header.Get("Location"))
	require.Equal(t, "customer", made.text(t, "role"))
	require.NotContains(t, string(made.body), "password")

	session := admin.want(t, 201, "POST", "/v1/sessions", object{"email": email, "password": password})
	require.Equal(t, "no-store", session.header.Get("Cache-Control"))
	require.Equal(t, made.text(t, "id"), session.text(t, "user", "id"))
	ends, err := time.Parse(time.RFC3339, session.text(t, "expires_at"))
	require.NoError(t, err)
	require.InDelta(t, 12*3600, time.Until(ends).Seconds(), 5)

	ann := anyone.as(session.text(t, "token"))
	require.Equal(t, "Ann", ann.want(t, 200, "GET", "/v1/sessions/current", nil).text(t, "user", "first_name"))
	ann.want(t, 204, "DELETE", "/v1/sessions/current", nil)
	ann.refused(t, 401, "no-session", "GET", "/v1/sessions/current", nil)
}

func TestEmailsAreComparedCaseFolded(t *testing.T) {
	admin := adminOf(t, shared)
	name := unique("strasse")
	admin.want(t, 201, "POST", "/v1/users", object{"email": name + "@example.com", "password": password})
	p := admin.refused(t, 409, "email-taken", "POST", "/v1/users", object{"email": name + "@EXAMPLE.com", "password": password})
	require.Equal(t, "/email", p.Errors[0].Pointer)
	admin.want(t, 201, "POST", "/v1/sessions", object{"email": name + "@eXample.com", "password": password})

	var list struct{ Data []struct{ Email string } }
	admin.want(t, 200, "GET", "/v1/users?email="+name+"@EXAMPLE.COM", nil).into(t, &list)
	require.Len(t, list.Data, 1)
}

func TestAWrongLoginSaysNotWhatWasWrong(t *testing.T) {
	admin := adminOf(t, shared)
	wrong := admin.refused(t, 401, "wrong-login", "POST", "/v1/sessions",
		object{"email": shared.Setting("ADMIN_EMAIL"), "password": "not the password"})
	unknown := admin.refused(t, 401, "wrong-login", "POST", "/v1/sessions",
		object{"email": "nobody@example.com", "password": "not the password"})
	require.Equal(t, wrong.Detail, unknown.Detail)
}

func TestANewPasswordEndsTheSessions(t *testing.T) {
	admin := adminOf(t, shared)
	ann, id := customer(t, admin)
	ann.want(t, 200, "PATCH", "/v1/users/"+id, object{"first_name": "Anna"})
	ann.want(t, 200, "GET", "/v1/sessions/current", nil)

	changed := ann.want(t, 200, "PATCH", "/v1/users/"+id, object{"password": "another good password"})
	ann.refused(t, 401, "no-session", "GET", "/v1/sessions/current", nil)
	email := changed.text(t, "email")
	admin.refused(t, 401, "wrong-login", "POST", "/v1/sessions", object{"email": email, "password": password})
	admin.want(t, 201, "POST", "/v1/sessions", object{"email": email, "password": "another good password"})
}

func TestARoleIsSetByAdminsAndHoldsAtOnce(t *testing.T) {
	admin := adminOf(t, shared)
	ann, id := customer(t, admin)
	ann.refused(t, 403, "forbidden", "PATCH", "/v1/users/"+id, object{"role": "admin"})
	ann.refused(t, 403, "forbidden", "GET", "/v1/users", nil)
	admin.want(t, 200, "PATCH", "/v1/users/"+id, object{"role": "admin"})
	ann.want(t, 200, "GET", "/v1/users", nil)
	admin.want(t, 200, "PATCH", "/v1/users/"+id, object{"role": "customer"})
	ann.refused(t, 403, "forbidden", "GET", "/v1/users", nil)
}

func TestIfMatchGuardsAUser(t *testing.T) {
	admin := adminOf(t, shared)
	ann, id := customer(t, admin)
	path := "/v1/users/" + id
	etag := ann.want(t, 200, "GET", path, nil).header.Get("ETag")
	require.Equal(t, `"1"`, etag)
	ann.with("If-None-Match", etag).want(t, 304, "GET", path, nil)
	ann.with("If-Match", etag).want(t, 200, "PATCH", path, object{"first_name": "B"})
	ann.with("If-Match", etag).refused(t, 412, "stale", "PATCH", path, object{"first_name": "C"})
	ann.with("If-Match", etag).refused(t, 412, "stale", "DELETE", path, nil)
	ann.with("If-Match", "nonsense").refused(t, 400, "bad-parameter", "PATCH", path, object{"first_name": "C"})
}

func TestADeletedUserIsGoneAndOneWithPurchasesAnonymous(t *testing.T) {
	admin := adminOf(t, shared)
	ann, annID := customer(t, admin)
	email := ann.want(t, 200, "GET", "/v1/users/"+annID, nil).text(t, "email")
	purchase := ann.want(t, 201, "POST", "/v1/purchases", order(product(t, admin, 1), 1)).text(t, "id")

	ann.want(t, 204, "DELETE", "/v1/users/"+annID, nil)
	ann.refused(t, 401, "no-session", "GET", "/v1/sessions/current", nil)
	admin.refused(t, 404, "no-user", "GET", "/v1/users/"+annID, nil)
	admin.refused(t, 404, "no-user", "DELETE", "/v1/users/"+annID, nil)
	admin.refused(t, 401, "wrong-login", "POST", "/v1/sessions", object{"email": email, "password": password})
	require.Equal(t, annID, admin.want(t, 200, "GET", "/v1/purchases/"+purchase, nil).text(t, "user_id"))
	kept, err := shared.Redis(t.Context(), primary(t), "HGETALL", "evg:user:"+annID)
	require.NoError(t, err)
	require.NotContains(t, kept, email)
	require.NotContains(t, kept, "Lee")

	admin.want(t, 201, "POST", "/v1/users", object{"email": email, "password": password})
	_, bobID := customer(t, admin)
	admin.want(t, 204, "DELETE", "/v1/users/"+bobID, nil)
	kept, err = shared.Redis(t.Context(), primary(t), "EXISTS", "evg:user:"+bobID)
	require.NoError(t, err)
	require.Equal(t, "0", kept)
}

func TestUsersAreListedNewestFirst(t *testing.T) {
	admin := adminOf(t, shared)
	_, first := customer(t, admin)
	_, second := customer(t, admin)
	ids := pages(t, admin, "/v1/users?limit=1")
	require.Less(t, index(ids, second), index(ids, first))
}

func index(list []string, value string) int {
	for i, v := range list {
		if v == value {
			return i
		}
	}
	return len(list)
}

func primary(t *testing.T) string {
	t.Helper()
	name, err := shared.Primary(t.Context())
	require.NoError(t, err)
	return name
}
