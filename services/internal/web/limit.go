package web

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"evergreen/services/internal/fault"
)

// maxKnownUsers and maxKnownAddresses bound the memory of the limits per user and per
// address; a caller that falls out of its table starts with a full burst again.
const (
	maxKnownUsers     = 10_000
	maxKnownAddresses = 10_000
)

// Counter counts something per minute for all replicas together; it answers how
// long to wait, zero when the call is within perMinute.
type Counter interface {
	CountPerMinute(ctx context.Context, what, subject string, perMinute int) (time.Duration, error)
}

// LimitSettings are the API's own limits; the one per address stands in nginx.
type LimitSettings struct {
	// UserPerSecond is for one user over all replicas.
	UserPerSecond int
	// StrongReadsPerSecond is for one address without a session, over all replicas.
	StrongReadsPerSecond int
	// SignInAddressPerMinute and SignInAccountPerMinute are sign-ups and logins.
	SignInAddressPerMinute, SignInAccountPerMinute int
	// Replicas is how many replicas are meant to run.
	Replicas int
}

// Limits refuses callers that ask too often. Admins are under none of them.
type Limits struct {
	settings  LimitSettings
	counter   Counter
	replicas  func() int
	users     *lru.Cache[string, *rate.Limiter]
	addresses *lru.Cache[string, *rate.Limiter]
	signIns   *signIns
	log       *slog.Logger
}

// NewLimits makes Limits. replicas tells how many replicas share the load: each
// grants its share of a user's rate, but the whole burst of two seconds' worth,
// so that a replica's loss is felt by nobody before it is noticed.
func NewLimits(s LimitSettings, counter Counter, replicas func() int, log *slog.Logger) (*Limits, error) {
	users, err := lru.New[string, *rate.Limiter](maxKnownUsers)
	if err != nil {
		return nil, err
	}
	addresses, err := lru.New[string, *rate.Limiter](maxKnownAddresses)
	if err != nil {
		return nil, err
	}
	own, err := newSignIns()
	return &Limits{
		settings: s, counter: counter, replicas: replicas, users: users, addresses: addresses, signIns: own, log: log,
	}, err
}

// PerUser is the middleware for the rate of one user.
func (l *Limits) PerUser(c *gin.Context) {
	who := Caller(c)
	if who.UserID == "" || who.IsAdmin() {
		return
	}
	if !l.limiter(l.users, who.UserID, l.settings.UserPerSecond).Allow() && !without(noUserRate) {
		Fail(c, tooMany("user-rate", "You have sent more requests a second than one customer may.", time.Second))
	}
}

// limiter gives the limiter of one caller in a table, with this replica's share of the rate.
func (l *Limits) limiter(table *lru.Cache[string, *rate.Limiter], caller string, perSecond int) *rate.Limiter {
	share := rate.Limit(float64(perSecond) / float64(max(1, l.replicas())))
	limiter, known := table.Get(caller)
	if !known {
		limiter = rate.NewLimiter(share, 2*perSecond)
		if earlier, found, _ := table.PeekOrAdd(caller, limiter); found {
			limiter = earlier
		}
	}
	if limiter.Limit() != share {
		limiter.SetLimit(share)
	}
	return limiter
}

// StrongReads gives the address that a request counts for and the limit of its strong
// reads, to be asked before each of them. The first one of a request is refused at the
// limit. The others are counted, so that the address waits the longer for its next
// request.
func (l *Limits) StrongReads(c *gin.Context) (address string, allow func() error) {
	address, counted := network(c.ClientIP()), false
	return address, func() error {
		limiter := l.limiter(l.addresses, address, l.settings.StrongReadsPerSecond)
		if counted || without(noReadQueue) {
			limiter.Reserve()
			return nil
		}
		counted = true
		if !limiter.Allow() {
			return tooMany("strong-read-rate",
				"Your address has asked for more reads with no-cache than it may without a session.", time.Second)
		}
		return nil
	}
}

// network is the address itself for IPv4, and for IPv6 the network of 64 bits, which one customer has as a rule.
func network(address string) string {
	parsed, err := netip.ParseAddr(address)
	if err != nil || parsed.Unmap().Is4() {
		return address
	}
	prefix, err := parsed.Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}

// SignInAddress is the middleware for sign-ups and logins of one address.
func (l *Limits) SignInAddress(c *gin.Context) {
	if err := l.count(c, "address", network(c.ClientIP()), l.settings.SignInAddressPerMinute); err != nil {
		Fail(c, err)
	}
}

// SignInAccount counts a sign-up or login of one account; the handler calls it,
// for only the body says which.
func (l *Limits) SignInAccount(c *gin.Context, account string) error {
	return l.count(c, "account", account, l.settings.SignInAccountPerMinute)
}

// SignIn counts what costs as much as a login of one account, for its address and for the account.
func (l *Limits) SignIn(c *gin.Context, account string) error {
	if err := l.count(c, "address", network(c.ClientIP()), l.settings.SignInAddressPerMinute); err != nil {
		return err
	}
	return l.SignInAccount(c, account)
}

// count asks the counter of all replicas. While it cannot be asked, during a failover
// for one, this replica counts by itself, against its share of the limit. The share is that
// of all replicas that are meant to run: one that has just started knows of no other.
func (l *Limits) count(c *gin.Context, what, subject string, perMinute int) error {
	if Caller(c).IsAdmin() {
		return nil
	}
	wait, err := l.counter.CountPerMinute(c.Request.Context(), what, subject, perMinute)
	if err != nil {
		l.log.Warn("a rate limit could not be asked; this replica counts by itself",
			"limit", what, "error", err, "request_id", RequestID(c))
		wait = l.signIns.count(what+":"+subject, shareOf(perMinute, max(l.settings.Replicas, l.replicas())), time.Now())
	}
	if wait > 0 {
		return tooMany("signin-rate", "There were too many sign-ins from this address or for this account.", wait)
	}
	return nil
}

// tooMany refuses a request at a limit; reason says which limit it is.
func tooMany(code, reason string, wait time.Duration) error {
	return &fault.Error{Kind: fault.TooMany, Code: code, RetryAfter: wait, Detail: reason + " Retry-After says when to go on."}
}
