package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/fault"
)

// ProblemType is the media type of RFC 9457.
const ProblemType = "application/problem+json"

// kinds is the one table from an error's kind to what HTTP says about it.
var kinds = map[fault.Kind]struct {
	status     int
	title      string
	retryAfter time.Duration
}{
	fault.Malformed:            {http.StatusBadRequest, "The request cannot be read", 0},
	fault.Invalid:              {http.StatusUnprocessableEntity, "The request has values that are not allowed", 0},
	fault.Unauthenticated:      {http.StatusUnauthorized, "A valid session is needed", 0},
	fault.Forbidden:            {http.StatusForbidden, "This is not allowed to you", 0},
	fault.NotFound:             {http.StatusNotFound, "There is no such thing", 0},
	fault.MethodNotAllowed:     {http.StatusMethodNotAllowed, "This resource does not have that method", 0},
	fault.Conflict:             {http.StatusConflict, "The state of the shop does not allow this", 0},
	fault.Stale:                {http.StatusPreconditionFailed, "The resource has changed", 0},
	fault.Gone:                 {http.StatusGone, "What the request refers to is gone", 0},
	fault.TooLarge:             {http.StatusRequestEntityTooLarge, "The request is too large", 0},
	fault.UnsupportedMediaType: {http.StatusUnsupportedMediaType, "The body is of a type that is not read here", 0},
	fault.TooMany:              {http.StatusTooManyRequests, "Too many requests", time.Second},
	fault.Unavailable:          {http.StatusServiceUnavailable, "The shop cannot answer at the moment", time.Second},
	fault.Internal:             {http.StatusInternalServerError, "Something went wrong on our side", 0},
}

// problem is the body of every error: RFC 9457 with code, request_id and errors.
type problem struct {
	Type      string        `json:"type"`
	Title     string        `json:"title"`
	Status    int           `json:"status"`
	Detail    string        `json:"detail"`
	Instance  string        `json:"instance"`
	Code      string        `json:"code"`
	RequestID string        `json:"request_id"`
	Errors    []fault.Field `json:"errors,omitempty"`
}

// Unsure notes that the request's write may have been done, whatever becomes of it
// from here on: it was done, or another replica was asked before and has not
// answered. "Nothing was changed" would then be a guess.
func Unsure(c *gin.Context) { c.Set(contextUnsure, true) }

// honest is err as the request's client may be told it.
func honest(c *gin.Context, err error) *fault.Error {
	var ours *fault.Error
	if !errors.As(err, &ours) && errors.Is(err, context.DeadlineExceeded) {
		err = fault.Wrap(err, fault.Unavailable, "unavailable", "The shop did not get to it in time. Nothing was changed.")
	}
	e := fault.As(err)
	undone := e.Kind == fault.Unavailable || e.Kind == fault.TooMany
	if undone && c.Request.Method != http.MethodGet && c.GetBool(contextUnsure) {
		o := fault.OutcomeUnknown
		unknown := fault.Wrap(e, o.Kind, o.Code, o.Detail)
		unknown.RetryAfter = o.RetryAfter
		return unknown
	}
	return e
}

// Fail is the one place that answers with an error. What is no fault.Error is
// answered as internal, its text only kept for the log line.
func Fail(c *gin.Context, err error) {
	e := honest(c, err)
	row, known := kinds[e.Kind]
	if !known {
		row = kinds[fault.Internal]
	}
	_ = c.Error(e)
	if wait := max(e.RetryAfter, row.retryAfter); wait > 0 {
		c.Header("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	if e.Kind == fault.Unauthenticated {
		c.Header("WWW-Authenticate", "Bearer")
	}
	if e.Replayed {
		c.Header("Idempotency-Replayed", "true")
	}
	body, _ := json.Marshal(problem{
		Type: "/problems/" + string(e.Kind), Title: row.title, Status: row.status, Detail: e.Detail,
		Instance: c.Request.URL.EscapedPath(), Code: e.Code, RequestID: RequestID(c), Errors: e.Fields,
	}, json.Deterministic(true), jsontext.AllowInvalidUTF8(true)) // a parameter's name may be anything
	c.Abort()
	c.Data(row.status, ProblemType, body)
}

// Handler is a handler that leaves errors to Fail.
type Handler func(c *gin.Context) error

// Handle makes a Handler gin's.
func Handle(h Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			Fail(c, err)
		}
	}
}
