package app_test

import (
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/app"
	"evergreen/services/internal/config"
	"evergreen/services/internal/shoptest"
)

// redis asks the shared stack's primary, past the shop.
func redis(t *testing.T, command ...string) string {
	t.Helper()
	reply, err := shared.Redis(t.Context(), primary(t), command...)
	require.NoError(t, err)
	return reply
}

func TestAnOldEmailIsFreeOnceItsOwnerHasAnother(t *testing.T) {
	admin := adminOf(t, shared)
	ann, annID := shoptest.Customer(t, admin)
	old := ann.Want(t, 200, "GET", "/v1/users/"+annID, nil).Text(t, "email")
	ann.Want(t, 200, "PATCH", "/v1/users/"+annID, shoptest.Object{"email": strings.ToUpper(old)})
	admin.Refused(t, 409, "email-taken", "POST", "/v1/users", shoptest.Object{"email": old, "password": shoptest.Password})

	ann.Want(t, 200, "PATCH", "/v1/users/"+annID, shoptest.Object{"email": "new-" + old})
	admin.Refused(t, 401, "wrong-login", "POST", "/v1/sessions", shoptest.Object{"email": old, "password": shoptest.Password})
	bobID := admin.Want(t, 201, "POST", "/v1/users", shoptest.Object{"email": old, "password": shoptest.Password}).Text(t, "id")
	for email, id := range map[string]string{old: bobID, "new-" + old: annID} {
		session := admin.Want(t, 201, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": shoptest.Password})
		require.Equal(t, id, session.Text(t, "user", "id"))
		require.Equal(t, []string{id}, list(t, admin, "/v1/users?email="+email).ids())
	}
}

func TestADeletedUserKeepsNoPasswordHashAndIsInNoList(t *testing.T) {
	admin := adminOf(t, shared)
	ann, annID := shoptest.Customer(t, admin)
	email := ann.Want(t, 200, "GET", "/v1/users/"+annID, nil).Text(t, "email")
	ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(shoptest.Product(t, admin, 1), 1))
	require.Contains(t, redis(t, "HGETALL", "evg:user:"+annID), "argon2id")
	redis(t, "HSET", "evg:user:"+annID, "phone", "0049 30 901820") // a newer version has written it
	admin.Want(t, 204, "DELETE", "/v1/users/"+annID, nil)
	kept := redis(t, "HGETALL", "evg:user:"+annID)
	require.Contains(t, kept, "version", "her purchase points to her")
	require.NotContains(t, kept, "argon2id")
	require.NotContains(t, kept, "901820", "what this version does not know may be personal")
	require.Contains(t, kept, "customer")
	require.Empty(t, redis(t, "ZSCORE", "evg:users", annID))
	require.NotContains(t, list(t, admin, "/v1/users?limit=5").ids(), annID)
	require.Empty(t, list(t, admin, "/v1/users?email="+email).Data)
}

func TestAnEmailIsTheSameHoweverUnicodeComposesIt(t *testing.T) {
	admin := adminOf(t, shared)
	name := shoptest.Unique("rene")
	composed, decomposed := name+"\u00e9@example.com", name+"e\u0301@example.com"
	admin.Want(t, 201, "POST", "/v1/users", shoptest.Object{"email": composed, "password": shoptest.Password})
	admin.Refused(t, 409, "email-taken", "POST", "/v1/users", shoptest.Object{"email": decomposed, "password": shoptest.Password})
	admin.Want(t, 201, "POST", "/v1/sessions", shoptest.Object{"email": decomposed, "password": shoptest.Password})
}

// Each account is asked once, because the next log-in of an account waits until the account has rested. Known and unknown
// ones are asked in turn, so that a busy machine is busy for both; an unknown email that is answered without a hash takes
// a tenth of the time.
func TestALoginTakesAsLongForAnUnknownEmailAsForAWrongPassword(t *testing.T) {
	const rounds = 11
	admin := adminOf(t, shared)
	known := make([]string, 0, rounds)
	for range rounds {
		client, id := shoptest.Customer(t, admin)
		known = append(known, client.Want(t, 200, "GET", "/v1/users/"+id, nil).Text(t, "email"))
	}
	refusal := func(email string) float64 {
		begun := time.Now()
		admin.Want(t, 401, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": "wrong wrong wrong"})
		return time.Since(begun).Seconds()
	}
	var ofKnown, ofUnknown []float64
	for _, email := range known {
		ofKnown = append(ofKnown, refusal(email))
		ofUnknown = append(ofUnknown, refusal("unknown-"+email))
	}
	slices.Sort(ofKnown)
	slices.Sort(ofUnknown)
	ratio := ofUnknown[rounds/2] / ofKnown[rounds/2]
	require.Greater(t, ratio, 0.5)
	require.Less(t, ratio, 2.0)
}

// another starts one more replica beside the shared stack's two, with an admin of its
// own, and stops it when its admin is there.
func another(t *testing.T, email, password string) {
	t.Helper()
	settings := map[string]string{
		"SECRET_KEY": shared.Setting("SECRET_KEY"), "REDIS_SENTINEL": strings.Join(shared.Sentinels(), ","),
		"REDIS_USER": "api", "REDIS_PASSWORD": shared.Setting("REDIS_API_PASSWORD"), "REPLICA_NAME": "another",
		"ADMIN_EMAIL": email, "ADMIN_PASSWORD": password,
	}
	c, err := config.Load(func(name string) string { return settings[name] })
	require.NoError(t, err)
	c.Port, c.MetricsPort = freePort(t), freePort(t)
	replica, err := app.New(c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, replica.Start(t.Context()))
	require.Equal(t, 200, statusOf(t, "http://"+net.JoinHostPort(c.Host, strconv.Itoa(c.MetricsPort))+"/readyz"))
	require.NoError(t, replica.Stop(t.Context()))
}

func TestAnAdminOfTheSettingsThatWasDemotedIsAdminAgainAfterAStart(t *testing.T) {
	admin := adminOf(t, shared)
	email := shoptest.Unique("boss") + "@example.com"
	login := shoptest.Object{"email": email, "password": shoptest.Password}
	another(t, email, shoptest.Password)
	session := admin.Want(t, 201, "POST", "/v1/sessions", login)
	require.Equal(t, "admin", session.Text(t, "user", "role"))
	path := "/v1/users/" + session.Text(t, "user", "id")
	admin.Want(t, 200, "PATCH", path, shoptest.Object{"role": "customer", "first_name": "Bo"})

	another(t, strings.ToUpper(email), shoptest.Password)
	restored := admin.Want(t, 200, "GET", path, nil)
	require.Equal(t, "admin", restored.Text(t, "role"))
	require.Equal(t, "Bo", restored.Text(t, "first_name"))
	require.Equal(t, email, restored.Text(t, "email"))
	boss := admin.As(admin.Want(t, 201, "POST", "/v1/sessions", login).Text(t, "token"))
	boss.Want(t, 200, "GET", "/v1/users?limit=1", nil)

	another(t, email, shoptest.Password)
	boss.Want(t, 200, "GET", "/v1/users?limit=1", nil) // nothing was to be restored, so no session has ended
}
