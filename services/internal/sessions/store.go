// Package sessions holds who is logged in: opaque bearer tokens, of which Redis
// keeps only a keyed hash, so that a stolen dump opens no session.
package sessions

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/users"
	"evergreen/services/internal/web"
)

//go:embed create.lua
var createSource string

//go:embed touch.lua
var touchSource string

//go:embed end.lua
var endSource string

var (
	createScript = redisdb.NewScript("session.create", createSource)
	// adminScript is the same for admins: they can log in at maxmemory, too.
	adminScript = redisdb.NewFreeingScript("session.create", createSource)
	touchScript = redisdb.NewFreeingScript("session.touch", touchSource)
	endScript   = redisdb.NewFreeingScript("session.end", endSource)
)

// maxPerUser bounds a user's sessions; the one that would expire first goes.
const maxPerUser = 50

// touchesAtOnce bounds the extensions under way; one that finds no room is left
// to the session's next use.
const touchesAtOnce = 4

// database is what the store needs of redisdb.
type database interface {
	Commit(ctx context.Context, cmd redisdb.Command) (redisdb.Result, error)
	Hash(ctx context.Context, key string, fields ...string) (redisdb.Fields, error)
	Hashes(ctx context.Context, keys []string, fields ...string) ([]redisdb.Fields, error)
}

// credentials checks who logs in.
type credentials interface {
	Check(ctx context.Context, email, password string) (users.Credential, bool, error)
	Get(ctx context.Context, id string) (users.User, error)
}

// Store keeps the sessions.
type Store struct {
	db      database
	users   credentials
	secret  []byte
	ttl     time.Duration
	now     func() time.Time
	touches chan struct{}
	metrics *Metrics
	log     *slog.Logger
}

// NewStore makes a Store; secret keys the hashes of tokens, ttl is how long a
// session lasts after its last use.
func NewStore(db database, users credentials, secret []byte, ttl time.Duration, now func() time.Time, m *Metrics, log *slog.Logger) *Store {
	return &Store{db: db, users: users, secret: secret, ttl: ttl, now: now, touches: make(chan struct{}, touchesAtOnce), metrics: m, log: log}
}

// Login is the body of POST /v1/sessions.
type Login struct {
	Email    string `json:"email" validate:"required,max=254"`
	Password string `json:"password" validate:"required,max=128"`
}

// Session is a session as the API shows it; the token only when it is opened.
type Session struct {
	Token     string     `json:"token,omitempty"`
	ExpiresAt string     `json:"expires_at"`
	User      users.User `json:"user"`
}

// ErrWrongLogin says neither whether the account exists nor what was wrong.
var ErrWrongLogin = fault.New(fault.Unauthenticated, "wrong-login", "The email or the password is wrong.")

// Open logs in. admit is asked once the password was found right, and may refuse the session.
func (s *Store) Open(ctx context.Context, requestID string, in Login, admit func(user, role string) error) (Session, error) {
	credential, matches, err := s.users.Check(ctx, in.Email, in.Password)
	if err != nil {
		return Session{}, err
	}
	if !matches {
		return Session{}, ErrWrongLogin
	}
	if err := admit(credential.UserID, credential.Role); err != nil {
		return Session{}, err
	}
	token := rand.Text()
	hash := s.hash(token)
	keys := []string{redisdb.KeySession(hash), redisdb.KeyUser(credential.UserID), redisdb.KeyUserSessions(credential.UserID)}
	script := createScript
	if credential.Role == web.RoleAdmin {
		script = adminScript
	}
	result, err := s.db.Commit(ctx, script.Command(idempotency.Request{ID: requestID}, credential.UserID, keys,
		hash, credential.UserID, credential.Hash, s.ttl.Milliseconds(), maxPerUser, redisdb.KeySession("")))
	if err != nil {
		return Session{}, err
	}
	if result.Code != 0 {
		return Session{}, ErrWrongLogin
	}
	s.metrics.opened()
	v := result.Values
	return Session{Token: token, ExpiresAt: web.Time(result.Int(1)), User: users.User{
		ID: credential.UserID, Role: v[0], Email: v[2], FirstName: v[3], LastName: v[4],
		Version: result.Int(5), CreatedAt: v[6], UpdatedAt: v[7],
	}}, nil
}

// Authenticate finds whose token it is, and lets the session last on.
func (s *Store) Authenticate(ctx context.Context, token string) (web.Principal, error) {
	hash := s.hash(token)
	fields, err := s.db.Hash(s.asReader(ctx, hash), redisdb.KeySession(hash), "user", "role", "expires")
	if err != nil {
		return web.Principal{}, err
	}
	if fields["user"] == "" {
		return web.Principal{}, web.ErrNoSession
	}
	expires, _ := strconv.ParseInt(fields["expires"], 10, 64)
	who := web.Principal{UserID: fields["user"], Role: fields["role"], Session: hash}
	s.extend(who, time.UnixMilli(expires))
	return who, nil
}

// asReader has a strong read of a session count as one of its user's, whom a replica
// tells. A session that no replica knows is looked for as an anonymous read.
func (s *Store) asReader(ctx context.Context, hash string) context.Context {
	if !redisdb.Strong(ctx) {
		return ctx
	}
	found, err := s.db.Hashes(redisdb.FromReplica(ctx), []string{redisdb.KeySession(hash)}, "user", "role")
	if err != nil || found[0]["user"] == "" {
		return ctx
	}
	reader := redisdb.ReaderCustomer
	if found[0]["role"] == web.RoleAdmin {
		reader = redisdb.ReaderAdmin
	}
	return redisdb.ForReader(ctx, reader, found[0]["user"])
}

// extend moves the end of a session that was used, once a hundredth of its time
// has passed: sliding by each request would make a write of every read. It does
// not keep the request waiting; a lost extension is made at the next use.
func (s *Store) extend(who web.Principal, expires time.Time) {
	if expires.Sub(s.now()) > s.ttl-s.ttl/100 {
		return
	}
	select {
	case s.touches <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-s.touches }()
		keys := []string{redisdb.KeySession(who.Session), redisdb.KeyUserSessions(who.UserID)}
		_, err := s.db.Commit(context.Background(), touchScript.Command(idempotency.Request{}, who.UserID, keys,
			who.Session, s.ttl.Milliseconds()))
		if err != nil {
			s.log.Warn("a session was not extended", "error", err)
		}
	}()
}

// Current reads the caller's session.
func (s *Store) Current(ctx context.Context, who web.Principal) (Session, error) {
	fields, err := s.db.Hash(ctx, redisdb.KeySession(who.Session), "expires")
	if err != nil {
		return Session{}, err
	}
	if fields == nil {
		return Session{}, web.ErrNoSession
	}
	expires, err := strconv.ParseInt(fields["expires"], 10, 64)
	if err != nil {
		return Session{}, fmt.Errorf("a session's end: %w", err)
	}
	user, err := s.users.Get(ctx, who.UserID)
	return Session{ExpiresAt: web.Time(expires), User: user}, err
}

// End logs out.
func (s *Store) End(ctx context.Context, requestID string, who web.Principal) error {
	keys := []string{redisdb.KeySession(who.Session), redisdb.KeyUserSessions(who.UserID)}
	result, err := s.db.Commit(ctx, endScript.Command(idempotency.Request{ID: requestID}, who.UserID, keys, who.Session, who.UserID))
	if err == nil {
		s.metrics.closed(result)
	}
	return err
}

func (s *Store) hash(token string) string {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte("session\x00" + token))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
