// Package web holds what every resource of the API shares: middleware,
// problems, strict decoding, paging, ETags and limits. It knows HTTP and gin;
// it does not know what the shop sells.
package web

import (
	"regexp"

	"github.com/gin-gonic/gin"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/idempotency"
)

// Names under which middleware leaves things in gin's context.
const (
	contextRequestID = "request id"
	contextPrincipal = "principal"
	contextBody      = "body"
	contextMaker     = "idempotency maker"
	contextUnsure    = "may have been done"
	contextRetried   = "sent by nginx once more"
	contextDay       = "quotas of the day"
	contextCursors   = "cursors"
)

// The two roles.
const (
	RoleCustomer = "customer"
	RoleAdmin    = "admin"
)

// Principal is who makes a request; the zero Principal is nobody known.
type Principal struct {
	UserID string
	Role   string
	// Session is the keyed hash of the token that was sent.
	Session string
}

// IsAdmin says whether the caller has the admin's role.
func (p Principal) IsAdmin() bool { return p.Role == RoleAdmin }

// Caller gives who makes the request.
func Caller(c *gin.Context) Principal {
	p, _ := c.Value(contextPrincipal).(Principal)
	return p
}

// RequestID gives the id of the HTTP request.
func RequestID(c *gin.Context) string { return c.GetString(contextRequestID) }

// idempotencyKey is printable ASCII, so that it can stand in logs and headers.
var idempotencyKey = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)

// Change is what every write needs to know of its request.
type Change struct {
	// Request names the write, so that it happens once.
	Request idempotency.Request
	// Actor is who asks for it: a user's id, or "" for somebody not known yet.
	Actor string
	// IfMatch is the version that the client demands, or AnyVersion.
	IfMatch int64
	// Refusal is the name of the quota that the request passes, or "". A request with a remembered outcome gets that
	// all the same.
	Refusal string
}

// ChangeOf reads the request's Change. Call it after the body was decoded: what
// is not even valid is refused again each time, not remembered.
func ChangeOf(c *gin.Context) (Change, error) {
	request, err := name(c)
	if err != nil {
		return Change{}, err
	}
	version, err := IfMatch(c)
	return Change{Request: request, Actor: Caller(c).UserID, IfMatch: version, Refusal: countWrite(c)}, err
}

func name(c *gin.Context) (idempotency.Request, error) {
	source := idempotency.Source{
		RequestID: RequestID(c), User: Caller(c).UserID, Method: c.Request.Method, Path: c.Request.URL.Path,
	}
	if values := c.Request.Header.Values("Idempotency-Key"); len(values) > 0 {
		if len(values) > 1 || !idempotencyKey.MatchString(values[0]) {
			return idempotency.Request{}, fault.BadParameter("Idempotency-Key", "bad-key",
				"An Idempotency-Key is sent once and has 1 to 255 printable ASCII characters without spaces.")
		}
		source.Key = values[0]
	}
	source.Body, _ = c.Value(contextBody).([]byte)
	maker, _ := c.Value(contextMaker).(idempotency.Maker)
	return maker.Make(source), nil
}
