package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/config"
	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/sessions"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/users"
	"evergreen/services/internal/web"
)

const sessionTTL = 12 * time.Hour

// sessionsOf names a user's sessions, the one that ends first first.
func sessionsOf(t *testing.T, userID string) string {
	t.Helper()
	return redis(t, "ZRANGE", "evg:user:"+userID+":sessions", "0", "-1")
}

func TestASessionEndsByItselfFromItsFirstMoment(t *testing.T) {
	_, id := shoptest.Customer(t, adminOf(t, shared))
	hash := sessionsOf(t, id)
	left, err := strconv.Atoi(redis(t, "PTTL", "evg:session:"+hash))
	require.NoError(t, err)
	require.InDelta(t, sessionTTL.Seconds(), float64(left)/1000, 10)
	require.Equal(t, redis(t, "HGET", "evg:session:"+hash, "expires"), redis(t, "ZSCORE", "evg:user:"+id+":sessions", hash))
}

func TestTheFiftyFirstLoginEndsTheOldestSessionAndNoOther(t *testing.T) {
	admin := adminOf(t, shared)
	first, id := shoptest.Customer(t, admin)
	email := first.Want(t, 200, "GET", "/v1/users/"+id, nil).Text(t, "email")
	login := shoptest.Object{"email": email, "password": shoptest.Password}
	list := "evg:user:" + id + ":sessions"
	oldest := sessionsOf(t, id)
	ends, err := strconv.Atoi(redis(t, "ZSCORE", list, oldest))
	require.NoError(t, err)
	for i := range 48 { // the places of 48 more, without their password hashes
		redis(t, "ZADD", list, strconv.Itoa(ends+1), fmt.Sprint("place-", i))
	}
	second := admin.As(admin.Want(t, 201, "POST", "/v1/sessions", login).Text(t, "token"))
	first.Want(t, 200, "GET", "/v1/sessions/current", nil)
	require.Equal(t, "50", redis(t, "ZCARD", list))

	third := admin.As(admin.Want(t, 201, "POST", "/v1/sessions", login).Text(t, "token"))
	first.Refused(t, 401, "no-session", "GET", "/v1/sessions/current", nil)
	require.Equal(t, "0", redis(t, "EXISTS", "evg:session:"+oldest))
	require.Equal(t, "50", redis(t, "ZCARD", list))
	for _, c := range []*shoptest.Client{second, third} {
		c.Want(t, 200, "GET", "/v1/sessions/current", nil)
	}
}

// stores are the shop's own over the shared stack's Redis, for what must happen
// between two of their steps.
type stores struct {
	db    *redisdb.DB
	users *users.Store
}

func storesOf(t *testing.T) stores {
	t.Helper()
	password := shared.Setting("REDIS_API_PASSWORD")
	db := redisdb.New(redisdb.Settings{
		MasterName: shared.Setting("REDIS_MASTER_NAME"), Sentinels: shared.Sentinels(), User: config.UserOf("api", config.Layout), Password: password,
		SentinelUser: config.UserOf("api", config.Layout), SentinelPassword: password, Deadline: 10 * time.Second, Replica: t.Name(),
	}, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	db.Start()
	t.Cleanup(func() { require.NoError(t, db.Stop()) })
	passwords, err := users.NewPasswords(2)
	require.NoError(t, err)
	return stores{db: db, users: users.NewStore(db, passwords, time.Now, web.NewID)}
}

// signUp makes a user.
func (s stores) signUp(t *testing.T) users.User {
	t.Helper()
	made, _, err := s.users.Create(t.Context(), web.Change{Request: idempotency.Request{ID: web.NewID()}},
		users.SignUp{Email: shoptest.Unique("between") + "@example.com", Password: shoptest.Password}, users.Hashing{})
	require.NoError(t, err)
	return made
}

func (s stores) login(u users.User) sessions.Login {
	return sessions.Login{Email: u.Email, Password: shoptest.Password}
}

func secret() []byte { return []byte(shared.Setting("SECRET_KEY")) }

// changing changes the password right after it was checked.
type changing struct {
	*users.Store
	t *testing.T
}

func (c changing) Check(ctx context.Context, email, password string) (users.Credential, bool, error) {
	credential, matches, err := c.Store.Check(ctx, email, password)
	require.NoError(c.t, err)
	require.True(c.t, matches)
	change := web.Change{Request: idempotency.Request{ID: web.NewID()}}
	_, _, err = c.Update(ctx, change, credential.UserID, []byte(`{"password":"another good password"}`), users.Hashing{})
	require.NoError(c.t, err)
	return credential, matches, nil
}

// anyone lets every user have a session.
func anyone(_, _ string) error { return nil }

func TestAPasswordThatIsChangedWhileItIsCheckedOpensNoSession(t *testing.T) {
	s := storesOf(t)
	user := s.signUp(t)
	store := sessions.NewStore(s.db, changing{s.users, t}, secret(), sessionTTL, time.Now, nil, slog.New(slog.DiscardHandler))
	_, err := store.Open(t.Context(), web.NewID(), s.login(user), anyone)
	require.ErrorIs(t, err, sessions.ErrWrongLogin)
	require.Empty(t, sessionsOf(t, user.ID))
}

// extending does something before the commit that extends a session.
type extending struct {
	*redisdb.DB
	before func()
	done   chan error
}

func (e extending) Commit(ctx context.Context, cmd redisdb.Command) (redisdb.Result, error) {
	e.before()
	result, err := e.DB.Commit(ctx, cmd)
	e.done <- err
	return result, err
}

func TestASessionThatEndedIsNotBroughtBackByItsOwnExtension(t *testing.T) {
	s := storesOf(t)
	user := s.signUp(t)
	quiet := slog.New(slog.DiscardHandler)
	store := sessions.NewStore(s.db, s.users, secret(), sessionTTL, time.Now, nil, quiet)
	session, err := store.Open(t.Context(), web.NewID(), s.login(user), anyone)
	require.NoError(t, err)
	hash := sessionsOf(t, user.ID)

	between := extending{DB: s.db, done: make(chan error, 1), before: func() {
		require.NoError(t, store.End(t.Context(), web.NewID(), web.Principal{UserID: user.ID, Session: hash}))
	}}
	later := func() time.Time { return time.Now().Add(time.Hour) } // its time to be extended
	who, err := sessions.NewStore(between, s.users, secret(), sessionTTL, later, nil, quiet).Authenticate(t.Context(), session.Token)
	require.NoError(t, err)
	require.Equal(t, user.ID, who.UserID)
	require.NoError(t, <-between.done)
	require.Equal(t, "0", redis(t, "EXISTS", "evg:session:"+hash))
	require.Empty(t, sessionsOf(t, user.ID))
	_, err = store.Authenticate(t.Context(), session.Token)
	require.ErrorIs(t, err, web.ErrNoSession)
}

func TestAnExtensionMovesTheEndEverywhereItStands(t *testing.T) {
	s := storesOf(t)
	user := s.signUp(t)
	quiet := slog.New(slog.DiscardHandler)
	store := sessions.NewStore(s.db, s.users, secret(), sessionTTL, time.Now, nil, quiet)
	session, err := store.Open(t.Context(), web.NewID(), s.login(user), anyone)
	require.NoError(t, err)
	hash := sessionsOf(t, user.ID)
	list, first := "evg:user:"+user.ID+":sessions", redis(t, "HGET", "evg:session:"+hash, "expires")

	db := extending{DB: s.db, done: make(chan error, 1), before: func() {}}
	_, err = sessions.NewStore(db, s.users, secret(), 2*sessionTTL, time.Now, nil, quiet).Authenticate(t.Context(), session.Token)
	require.NoError(t, err)
	require.NoError(t, <-db.done)
	ends := redis(t, "HGET", "evg:session:"+hash, "expires")
	require.Greater(t, ends, first)
	require.Equal(t, ends, redis(t, "ZSCORE", list, hash), "or a log-in would take it for expired, and a new password not end it")
	left, err := strconv.Atoi(redis(t, "PTTL", "evg:session:"+hash))
	require.NoError(t, err)
	require.InDelta(t, (2 * sessionTTL).Seconds(), float64(left)/1000, 10)
}
