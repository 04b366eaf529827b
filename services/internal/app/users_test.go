package app_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/texttest"
)

func TestSomebodySignsUpLogsInAndOut(t *testing.T) {
	anyone := shoptest.New(shared.URL())
	admin := adminOf(t, shared)
	email := shoptest.Unique("Ann.Lee") + "@Example.com"
	body := shoptest.Object{"email": email, "password": shoptest.Password, "first_name": "Ann", "last_name": "Lee"}

	made := admin.Want(t, 201, "POST", "/v1/users", body)
	require.Equal(t, "/v1/users/"+made.Text(t, "id"), made.Header.Get("Location"))
	require.Equal(t, "customer", made.Text(t, "role"))
	texttest.NotContains(t, string(made.Body), "password")

	session := admin.Want(t, 201, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": shoptest.Password})
	require.Equal(t, "no-store", session.Header.Get("Cache-Control"))
	require.Equal(t, made.Text(t, "id"), session.Text(t, "user", "id"))
	ends, err := time.Parse(time.RFC3339, session.Text(t, "expires_at"))
	require.NoError(t, err)
	require.InDelta(t, 12*3600, time.Until(ends).Seconds(), 5)

	ann := anyone.As(session.Text(t, "token"))
	require.Equal(t, "Ann", ann.Want(t, 200, "GET", "/v1/sessions/current", nil).Text(t, "user", "first_name"))
	ann.Want(t, 204, "DELETE", "/v1/sessions/current", nil)
	ann.Refused(t, 401, "no-session", "GET", "/v1/sessions/current", nil)
}

func TestEmailsAreComparedCaseFolded(t *testing.T) {
	admin := adminOf(t, shared)
	name := shoptest.Unique("strasse")
	admin.Want(t, 201, "POST", "/v1/users", shoptest.Object{"email": name + "@example.com", "password": shoptest.Password})
	p := admin.Refused(t, 409, "email-taken", "POST", "/v1/users", shoptest.Object{"email": name + "@EXAMPLE.com", "password": shoptest.Password})
	require.Equal(t, "/email", p.Errors[0].Pointer)
	admin.Want(t, 201, "POST", "/v1/sessions", shoptest.Object{"email": name + "@eXample.com", "password": shoptest.Password})

	var list struct{ Data []struct{ Email string } }
	admin.Want(t, 200, "GET", "/v1/users?email="+name+"@EXAMPLE.COM", nil).Into(t, &list)
	require.Len(t, list.Data, 1)
}

func TestAWrongLoginSaysNotWhatWasWrong(t *testing.T) {
	admin := adminOf(t, shared)
	wrong := admin.Refused(t, 401, "wrong-login", "POST", "/v1/sessions",
		shoptest.Object{"email": shared.Setting("ADMIN_EMAIL"), "password": "not the password"})
	unknown := admin.Refused(t, 401, "wrong-login", "POST", "/v1/sessions",
		shoptest.Object{"email": "nobody@example.com", "password": "not the password"})
	require.Equal(t, wrong.Detail, unknown.Detail)
}

func TestANewPasswordEndsTheSessions(t *testing.T) {
	admin := adminOf(t, shared)
	ann, id := shoptest.Customer(t, admin)
	ann.Want(t, 200, "PATCH", "/v1/users/"+id, shoptest.Object{"first_name": "Anna"})
	ann.Want(t, 200, "GET", "/v1/sessions/current", nil)

	changed := ann.Want(t, 200, "PATCH", "/v1/users/"+id, shoptest.Object{"password": "another good password"})
	ann.Refused(t, 401, "no-session", "GET", "/v1/sessions/current", nil)
	email := changed.Text(t, "email")
	admin.Refused(t, 401, "wrong-login", "POST", "/v1/sessions", shoptest.Object{"email": email, "password": shoptest.Password})
	admin.Want(t, 201, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": "another good password"})
}

func TestARoleIsSetByAdminsAndHoldsAtOnce(t *testing.T) {
	admin := adminOf(t, shared)
	ann, id := shoptest.Customer(t, admin)
	ann.Refused(t, 403, "forbidden", "PATCH", "/v1/users/"+id, shoptest.Object{"role": "admin"})
	ann.Refused(t, 403, "forbidden", "GET", "/v1/users", nil)
	admin.Want(t, 200, "PATCH", "/v1/users/"+id, shoptest.Object{"role": "admin"})
	ann.Want(t, 200, "GET", "/v1/users", nil)
	admin.Want(t, 200, "PATCH", "/v1/users/"+id, shoptest.Object{"role": "customer"})
	ann.Refused(t, 403, "forbidden", "GET", "/v1/users", nil)
}

func TestIfMatchGuardsAUser(t *testing.T) {
	admin := adminOf(t, shared)
	ann, id := shoptest.Customer(t, admin)
	path := "/v1/users/" + id
	etag := ann.Want(t, 200, "GET", path, nil).Header.Get("ETag")
	require.Equal(t, `"1"`, etag)
	ann.With("If-None-Match", etag).Want(t, 304, "GET", path, nil)
	ann.With("If-Match", etag).Want(t, 200, "PATCH", path, shoptest.Object{"first_name": "B"})
	ann.With("If-Match", etag).Refused(t, 412, "stale", "PATCH", path, shoptest.Object{"first_name": "C"})
	ann.With("If-Match", etag).Refused(t, 412, "stale", "DELETE", path, nil)
	ann.With("If-Match", "nonsense").Refused(t, 400, "bad-parameter", "PATCH", path, shoptest.Object{"first_name": "C"})
}

func TestADeletedUserIsGoneAndOneWithPurchasesAnonymous(t *testing.T) {
	admin := adminOf(t, shared)
	ann, annID := shoptest.Customer(t, admin)
	email := ann.Want(t, 200, "GET", "/v1/users/"+annID, nil).Text(t, "email")
	purchase := ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(shoptest.Product(t, admin, 1), 1)).Text(t, "id")

	ann.Want(t, 204, "DELETE", "/v1/users/"+annID, nil)
	ann.Refused(t, 401, "no-session", "GET", "/v1/sessions/current", nil)
	admin.Refused(t, 404, "no-user", "GET", "/v1/users/"+annID, nil)
	admin.Refused(t, 404, "no-user", "DELETE", "/v1/users/"+annID, nil)
	admin.Refused(t, 401, "wrong-login", "POST", "/v1/sessions", shoptest.Object{"email": email, "password": shoptest.Password})
	require.Equal(t, annID, admin.Want(t, 200, "GET", "/v1/purchases/"+purchase, nil).Text(t, "user_id"))
	kept, err := shared.Redis(t.Context(), primary(t), "HGETALL", "evg:user:"+annID)
	require.NoError(t, err)
	texttest.NotContains(t, kept, email)
	texttest.NotContains(t, kept, "Lee")

	admin.Want(t, 201, "POST", "/v1/users", shoptest.Object{"email": email, "password": shoptest.Password})
	_, bobID := shoptest.Customer(t, admin)
	admin.Want(t, 204, "DELETE", "/v1/users/"+bobID, nil)
	kept, err = shared.Redis(t.Context(), primary(t), "EXISTS", "evg:user:"+bobID)
	require.NoError(t, err)
	require.Equal(t, "0", kept)
}

func TestUsersAreListedNewestFirst(t *testing.T) {
	admin := adminOf(t, shared)
	_, first := shoptest.Customer(t, admin)
	_, second := shoptest.Customer(t, admin)
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
