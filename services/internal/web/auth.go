package web

import (
	"context"
	"errors"
	"strings"

	"github.com/gin-gonic/gin"

	"evergreen/services/internal/fault"
)

// ErrNoSession is what an Authenticator answers for a token that is unknown,
// expired or revoked.
var ErrNoSession = fault.New(fault.Unauthenticated, "no-session", "Send the token of a valid session as Authorization: Bearer.")

// Authenticator finds whose token it is.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (Principal, error)
}

// Access is the authentication and authorisation of routes.
type Access struct{ sessions Authenticator }

// NewAccess makes an Access over sessions.
func NewAccess(sessions Authenticator) Access { return Access{sessions: sessions} }

// Anyone lets everybody through. A valid token makes the caller known; a token
// that is not valid counts as none, or nobody whose session has ended could log
// in again from a client that sends its old token everywhere.
func (a Access) Anyone(c *gin.Context) {
	if err := a.authenticate(c); err != nil && !errors.Is(err, ErrNoSession) {
		Fail(c, err)
	}
}

// SignedIn refuses callers without a valid session.
func (a Access) SignedIn(c *gin.Context) {
	if err := a.authenticate(c); err != nil {
		Fail(c, err)
	}
}

// Admin refuses callers that are not admins.
func (a Access) Admin(c *gin.Context) {
	if err := a.authenticate(c); err != nil {
		Fail(c, err)
		return
	}
	if !Caller(c).IsAdmin() {
		Fail(c, fault.New(fault.Forbidden, "forbidden", "Only admins may do this."))
	}
}

func (a Access) authenticate(c *gin.Context) error {
	sent := c.Request.Header.Values("Authorization")
	if len(sent) != 1 {
		return ErrNoSession // of two, each server on the way might take another one
	}
	scheme, token, _ := strings.Cut(sent[0], " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > 256 {
		return ErrNoSession
	}
	principal, err := a.sessions.Authenticate(c.Request.Context(), token)
	if err != nil {
		return err
	}
	c.Set(contextPrincipal, principal)
	return holdFor(c.Request.Context(), principal)
}
