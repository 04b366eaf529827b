package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

func TestBadUsersAndSessionsAreRefused(t *testing.T) {
	admin := adminOf(t, shared)
	ann, annID := shoptest.Customer(t, admin)
	_, bobID := shoptest.Customer(t, admin)
	annsEmail := ann.Want(t, 200, "GET", "/v1/users/"+annID, nil).Text(t, "email")
	me, bob := "/v1/users/"+annID, "/v1/users/"+bobID
	signUp := func(name, body, at, why string) badInput {
		return badInput{name: "a sign-up with " + name, method: "POST", path: "/v1/users", body: body, status: 422, code: "invalid", at: at, why: why}
	}
	login := func(name, body, at, why string) badInput {
		return badInput{name: "a login with " + name, method: "POST", path: "/v1/sessions", body: body, status: 422, code: "invalid", at: at, why: why}
	}
	patch := func(name, body, at, why string) badInput {
		return badInput{name: "a patch with " + name, who: ann, method: "PATCH", path: me, body: body, status: 422, code: "invalid", at: at, why: why}
	}
	refuseAll(t, admin, []badInput{
		signUp("no email", `{"password":"correct horse battery"}`, "/email", "required"),
		signUp("no password", `{"email":"a@example.com"}`, "/password", "required"),
		signUp("an email without a domain", `{"email":"ann@","password":"correct horse battery"}`, "/email", "bad-email"),
		signUp("two emails", `{"email":"a@example.com,b@example.com","password":"correct horse battery"}`, "/email", "bad-email"),
		signUp("an email with a line break", `{"email":"a@example.com\nbcc:b@example.com","password":"correct horse battery"}`, "/email", "bad-email"),
		signUp("an email with a null byte", `{"email":"a\u0000@example.com","password":"correct horse battery"}`, "/email", "bad-email"),
		signUp("white space around the email", `{"email":" a@example.com ","password":"correct horse battery"}`, "/email", "bad-email"),
		signUp("an email of 255 characters", `{"email":"aa@`+strings.Repeat("b.", 124)+`exam","password":"correct horse battery"}`, "/email", "too-large"),
		signUp("a list of emails", `{"email":["a@example.com"],"password":"correct horse battery"}`, "/email", "wrong-type"),
		signUp("11 characters of password", `{"email":"a@example.com","password":"`+strings.Repeat("é", 11)+`"}`, "/password", "too-small"),
		signUp("129 characters of password", `{"email":"a@example.com","password":"`+strings.Repeat("p", 129)+`"}`, "/password", "too-large"),
		signUp("a number for a password", `{"email":"a@example.com","password":123456789012}`, "/password", "wrong-type"),
		signUp("a role", `{"email":"a@example.com","password":"correct horse battery","role":"admin"}`, "/role", "unknown"),
		signUp("a first name of 101 characters", `{"email":"a@example.com","password":"correct horse battery","first_name":"`+strings.Repeat("n", 101)+`"}`, "/first_name", "too-large"),
		signUp("an escape in the last name", `{"email":"a@example.com","password":"correct horse battery","last_name":"\u001b]0;"}`, "/last_name", "control-character"),
		signUp("null for a first name", `{"email":"a@example.com","password":"correct horse battery","first_name":null}`, "/first_name", "wrong-type"),
		{name: "an email that is taken, in capitals", method: "POST", path: "/v1/users", body: shoptest.Object{"email": strings.ToUpper(annsEmail), "password": shoptest.Password},
			status: 409, code: "email-taken", at: "/email", why: "taken"},

		login("no password", `{"email":"a@example.com"}`, "/password", "required"),
		login("a password of 129 characters", `{"email":"a@example.com","password":"`+strings.Repeat("p", 129)+`"}`, "/password", "too-large"),
		login("an object for an email", `{"email":{"$ne":""},"password":"x"}`, "/email", "wrong-type"),
		login("a role", `{"email":"a@example.com","password":"x","role":"admin"}`, "/role", "unknown"),
		{name: "a wrong password", method: "POST", path: "/v1/sessions", body: shoptest.Object{"email": annsEmail, "password": "wrong wrong wrong"}, status: 401, code: "wrong-login"},
		{name: "nobody's email", method: "POST", path: "/v1/sessions", body: shoptest.Object{"email": "no\x00body", "password": "wrong wrong wrong"}, status: 401, code: "wrong-login"},

		patch("an array", `[]`, "", "wrong-type"),
		patch("null for the email", `{"email":null}`, "/email", "required"),
		patch("null for the password", `{"password":null}`, "/password", "required"),
		patch("a short password", `{"password":"short"}`, "/password", "too-small"),
		patch("a bad email", `{"email":"ann"}`, "/email", "bad-email"),
		patch("an unknown member", `{"nickname":"x"}`, "/nickname", "unknown"),
		patch("null for an unknown member", `{"nickname":null}`, "/nickname", "unknown"),
		patch("the id", `{"id":"`+bobID+`"}`, "/id", "unknown"),
		patch("a number for a name", `{"first_name":1}`, "/first_name", "wrong-type"),
		{name: "a role by a customer", who: ann, method: "PATCH", path: me, body: `{"role":"admin"}`, status: 403, code: "forbidden", at: "/role", why: "forbidden"},
		{name: "no role by a customer", who: ann, method: "PATCH", path: me, body: `{"role":null}`, status: 403, code: "forbidden", at: "/role", why: "forbidden"},
		{name: "a role that does not exist", method: "PATCH", path: me, body: `{"role":"root"}`, status: 422, code: "invalid", at: "/role", why: "not-allowed"},
		{name: "no role by an admin", method: "PATCH", path: me, body: `{"role":null}`, status: 422, code: "invalid", at: "/role", why: "not-allowed"},
		{name: "an email that is somebody else's", method: "PATCH", path: bob, body: shoptest.Object{"email": annsEmail}, status: 409, code: "email-taken", at: "/email", why: "taken"},

		{name: "somebody else is read", who: ann, method: "GET", path: bob, status: 404, code: "no-user"},
		{name: "somebody else is changed", who: ann, method: "PATCH", path: bob, body: shoptest.Object{"first_name": "x"}, status: 404, code: "no-user"},
		{name: "somebody else is deleted", who: ann, method: "DELETE", path: bob, status: 404, code: "no-user"},
		{name: "nobody is deleted", method: "DELETE", path: "/v1/users/" + nowhere, status: 404, code: "no-user"},
		{name: "a deletion with members", who: ann, method: "DELETE", path: me, body: `{"only":"my name"}`, status: 422, code: "invalid", at: "/only", why: "unknown"},
		{name: "a customer lists users", who: ann, method: "GET", path: "/v1/users", status: 403, code: "forbidden"},
		{name: "a customer makes a product", who: ann, method: "POST", path: "/v1/products", body: newProduct("", ""), status: 403, code: "forbidden"},
	})
}

func TestSessionsThatAreNoneAreRefused(t *testing.T) {
	admin := adminOf(t, shared)
	revoked, _ := shoptest.Customer(t, admin)
	revoked.Want(t, 204, "DELETE", "/v1/sessions/current", nil)
	changed, changedID := shoptest.Customer(t, admin)
	changed.Want(t, 200, "PATCH", "/v1/users/"+changedID, shoptest.Object{"password": shoptest.Password + "!"})
	deleted, deletedID := shoptest.Customer(t, admin)
	admin.Want(t, 204, "DELETE", "/v1/users/"+deletedID, nil)
	expired := expiredSession(t, admin)
	nobody := shoptest.New(shared.URL())

	path := "/v1/products/" + shoptest.Product(t, admin, 1)
	rows := []badInput{}
	for name, who := range map[string]*shoptest.Client{
		"no token": nobody, "a revoked session": revoked, "a session before a new password": changed,
		"a deleted user's session": deleted, "an expired session": expired,
		"a token cut short": nobody.As(admin.Token()[:20]), "a token with more": nobody.As(admin.Token() + "A"),
		"a token in lower case": nobody.As(strings.ToLower(admin.Token())), "a token of 1,000 bytes": nobody.As(strings.Repeat("t", 1000)),
		"no token after Bearer": nobody.With("Authorization", "Bearer "), "a token without Bearer": nobody.With("Authorization", admin.Token()),
		"another scheme": nobody.With("Authorization", "Basic "+admin.Token()), "two tokens in one": nobody.With("Authorization", "Bearer x, Bearer "+admin.Token()),
	} {
		rows = append(rows,
			badInput{name: name + " reads", who: who, method: "GET", path: "/v1/sessions/current", status: 401, code: "no-session"},
			badInput{name: name + " writes", who: who, method: "DELETE", path: path, status: 401, code: "no-session"})
	}
	refuseAll(t, admin, rows)
}

// expiredSession gives a client whose session Redis has let expire, which is
// what ends every session: it is sent 12 hours into the future in no time.
func expiredSession(t *testing.T, admin *shoptest.Client) *shoptest.Client {
	t.Helper()
	ann, id := shoptest.Customer(t, admin)
	hash, err := shared.Redis(t.Context(), primary(t), "ZRANGE", "evg:user:"+id+":sessions", "0", "-1")
	require.NoError(t, err)
	done, err := shared.Redis(t.Context(), primary(t), "PEXPIRE", "evg:session:"+hash, "1")
	require.NoError(t, err)
	require.Equal(t, "1", done)
	require.Eventually(t, func() bool { return ann.Do(t, "GET", "/v1/sessions/current", nil).Status == 401 }, 10*time.Second, 10*time.Millisecond)
	return ann
}
