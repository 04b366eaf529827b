package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/idempotency"
)

// MaxBody is the largest request body, in bytes: enough for a purchase of 1,000 lines.
const MaxBody = 1 << 20

// Identify gives every request its id, from a trusted proxy's header or anew,
// and says in the answer which replica gave it. nginx sends the same id when it
// tries another replica, which is what makes its retries of writes safe, and says
// that it tries again: see Unsure.
func Identify(trusted []string, replica string) gin.HandlerFunc {
	return func(c *gin.Context) {
		id := c.GetHeader("X-Request-Id")
		peer, _, _ := net.SplitHostPort(c.Request.RemoteAddr)
		proxied := slices.Contains(trusted, peer)
		if !proxied || !idempotencyKey.MatchString(id) {
			id = NewID()
		}
		if proxied && c.GetHeader("X-Retried") != "" {
			Unsure(c)
			c.Set(contextRetried, true)
		}
		c.Set(contextRequestID, id)
		c.Header("X-Request-Id", id)
		c.Header("X-Served-By", replica)
	}
}

// Recover turns a panic into a problem; the stack goes to the log alone.
func Recover(c *gin.Context) {
	defer func() {
		if r := recover(); r != nil {
			err := fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			if c.Writer.Written() {
				_ = c.Error(err)
				c.Abort()
				return
			}
			Fail(c, err)
		}
	}()
	c.Next()
}

// Deadline bounds the whole request: reads, waiting for others and the write
// itself. nginx takes a replica that is silent for longer for a dead one.
func Deadline(limit time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), limit)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}
}

// RequireReady refuses until the shop was ready once: whoever is answered can
// rely on the admin being there. It refuses with another error while refusal gives one.
func RequireReady(ready func() bool, refusal func() error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := refusal(); err != nil {
			Fail(c, err)
			return
		}
		if !ready() {
			Fail(c, &fault.Error{Kind: fault.Unavailable, Code: "starting",
				Detail: "This replica is still starting.", RetryAfter: 2 * time.Second})
		}
	}
}

// CapBody refuses bodies over limit bytes, at once where the length is announced.
func CapBody(limit int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Request.ContentLength > limit {
			Fail(c, bodyTooLarge(limit))
			return
		}
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit)
	}
}

func bodyTooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "too-large", "A body has at most "+strconv.FormatInt(limit, 10)+" bytes.")
}

// NameWrites lets Write name requests with maker's secret.
func NameWrites(maker idempotency.Maker) gin.HandlerFunc {
	return func(c *gin.Context) { c.Set(contextMaker, maker) }
}

// NoRoute and NoMethod answer what no route matches.
func NoRoute(c *gin.Context) {
	Fail(c, fault.New(fault.NotFound, "no-route", "There is nothing at this path."))
}

// NoMethod answers a verb that a path does not have; gin has set Allow.
func NoMethod(c *gin.Context) {
	Fail(c, fault.New(fault.MethodNotAllowed, "no-method", "This path does not have that method; Allow lists those that it has."))
}
