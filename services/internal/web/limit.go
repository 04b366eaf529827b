package web

import (
	"context"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"evergreen/services/internal/fault"
)

// maxKnownUsers bounds the memory of the per-user limit; who falls out of the
// table starts with a full burst again.
const maxKnownUsers = 100_000

// Counter counts something per minute for all replicas together; it answers how
// long to wait, zero when the call is within perMinute.
type Counter interface {
	CountPerMinute(ctx context.Context, what, subject string, perMinute int) (time.Duration, error)
}

// LimitSettings are the API's own limits; the one per address stands in nginx.
type LimitSettings struct {
	// UserPerSecond is for one user over all replicas.
	UserPerSecond int
	// SignInAddressPerMinute and SignInAccountPerMinute are sign-ups and logins.
	SignInAddressPerMinute, SignInAccountPerMinute int
}

// Limits refuses callers that ask too often. Admins are under none of them.
type Limits struct {
	settings LimitSettings
	counter  Counter
	replicas func() int
	users    *lru.Cache[string, *rate.Limiter]
	log      *slog.Logger
}

// NewLimits makes Limits. replicas tells how many replicas share the load: each
// grants its share of a user's rate, but the whole burst of two seconds' worth,
// so that a replica's loss is felt by nobody before it is noticed.
func NewLimits(s LimitSettings, counter Counter, replicas func() int, log *slog.Logger) (*Limits, error) {
	users, err := lru.New[string, *rate.Limiter](maxKnownUsers)
	return &Limits{settings: s, counter: counter, replicas: replicas, users: users, log: log}, err
}

// PerUser is the middleware for the rate of one user.
func (l *Limits) PerUser(c *gin.Context) {
	who := Caller(c)
	if who.UserID == "" || who.IsAdmin() {
		return
	}
	share := rate.Limit(float64(l.settings.UserPerSecond) / float64(max(1, l.replicas())))
	limiter, known := l.users.Get(who.UserID)
	if !known {
		limiter = rate.NewLimiter(share, 2*l.settings.UserPerSecond)
		if earlier, found, _ := l.users.PeekOrAdd(who.UserID, limiter); found {
			limiter = earlier
		}
	}
	if limiter.Limit() != share {
		limiter.SetLimit(share)
	}
	if !limiter.Allow() && !without(noUserRate) {
		Fail(c, tooMany("user-rate", time.Second))
	}
}

// SignInAddress is the middleware for sign-ups and logins of one address.
func (l *Limits) SignInAddress(c *gin.Context) {
	if err := l.count(c, "address", c.ClientIP(), l.settings.SignInAddressPerMinute); err != nil {
		Fail(c, err)
	}
}

// SignInAccount counts a sign-up or login of one account; the handler calls it,
// for only the body says which.
func (l *Limits) SignInAccount(c *gin.Context, account string) error {
	return l.count(c, "account", account, l.settings.SignInAccountPerMinute)
}

// count lets the call through when the counter cannot be asked: a login needs a
// write to the same primary, so nothing is gained by guessing meanwhile.
func (l *Limits) count(c *gin.Context, what, subject string, perMinute int) error {
	if Caller(c).IsAdmin() {
		return nil
	}
	wait, err := l.counter.CountPerMinute(c.Request.Context(), what, subject, perMinute)
	if err != nil {
		l.log.Warn("a rate limit could not be asked", "limit", what, "error", err, "request_id", RequestID(c))
		return nil
	}
	if wait > 0 {
		return tooMany("signin-rate", wait)
	}
	return nil
}

func tooMany(code string, wait time.Duration) error {
	return &fault.Error{Kind: fault.TooMany, Code: code, RetryAfter: wait, Detail: "The limit is met; Retry-After says when to go on."}
}
