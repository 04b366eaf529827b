// Package fault holds the one error type that travels from the stores to the
// edge of the API. It knows nothing of HTTP: package web maps each Kind to a
// status in one table, so that a store never chooses a status code and a
// client never sees the text of an error that nobody meant for it.
package fault

import (
	"errors"
	"time"
)

// Kind says what sort of trouble an error is. There are few on purpose: what
// tells two errors of one kind apart is their Code.
type Kind string

// The kinds, with what they mean to the caller.
const (
	// Malformed: the request cannot be read (syntax, a bad header or parameter).
	Malformed Kind = "malformed"
	// Invalid: the request can be read, but a value in it is not allowed.
	Invalid Kind = "invalid"
	// Unauthenticated: a valid session is needed and was not sent.
	Unauthenticated Kind = "unauthenticated"
	// Forbidden: the caller's role never has this right.
	Forbidden Kind = "forbidden"
	// NotFound: there is no such thing, or it is somebody else's.
	NotFound Kind = "not-found"
	// MethodNotAllowed: the resource exists, the verb does not.
	MethodNotAllowed Kind = "method-not-allowed"
	// Conflict: the state of the shop refuses the request.
	Conflict Kind = "conflict"
	// Stale: If-Match names a version that is no longer the current one.
	Stale Kind = "stale"
	// Gone: what the request refers to was of the data before a restore.
	Gone Kind = "gone"
	// TooLarge: the body is over the limit.
	TooLarge Kind = "too-large"
	// UnsupportedMediaType: the body is of a type that is not read here.
	UnsupportedMediaType Kind = "unsupported-media-type"
	// TooMany: a rate limit was met.
	TooMany Kind = "too-many-requests"
	// Unavailable: the shop cannot answer now; the same request may be sent again.
	Unavailable Kind = "unavailable"
	// Internal: a defect of ours.
	Internal Kind = "internal"
)

// Field says what is wrong with one part of the request.
type Field struct {
	// Pointer is the JSON pointer (RFC 6901) of a member of the body.
	Pointer string `json:"pointer,omitempty"`
	// Parameter names a path, query or header parameter instead.
	Parameter string `json:"parameter,omitempty"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	// ProductID and Available say what a shortage left, in pieces.
	ProductID string `json:"product_id,omitempty"`
	Available *int64 `json:"available,omitempty"`
}

// Error is what a store, a decoder or a middleware refuses a request with.
// Every text in it is meant for the client.
type Error struct {
	Kind   Kind
	Code   string
	Detail string
	Fields []Field
	// RetryAfter is how long the client should wait; zero leaves it to the Kind.
	RetryAfter time.Duration
	// Replayed marks the remembered refusal of an earlier, identical request.
	Replayed bool
	cause    error
}

// New makes an Error.
func New(kind Kind, code, detail string, fields ...Field) *Error {
	return &Error{Kind: kind, Code: code, Detail: detail, Fields: fields}
}

// OutcomeUnknown says that the write may have happened, and that nobody could find out in time.
// The same request id gives the one true outcome.
var OutcomeUnknown = &Error{
	Kind: Unavailable, Code: "outcome-unknown", RetryAfter: 2 * time.Second,
	Detail: "The shop cannot tell whether this was done. Send it again with the same Idempotency-Key: it is done once at most.",
}

// DayShare and DayAddress say that the writes of a day have left as much in the store as all customers of a kind may leave.
// Package web counts it.
var (
	DayShare = &Error{Kind: TooMany, Code: "quota-day-share", RetryAfter: time.Hour,
		Detail: "There is no room for more writes of new customers today (UTC)."}
	DayAddress = &Error{Kind: TooMany, Code: "quota-day-address", RetryAfter: time.Hour,
		Detail: "There is no room for more writes from your network address today (UTC)."}
)

// Wrap makes an Error that keeps its cause for the log, never for the client.
func Wrap(cause error, kind Kind, code, detail string) *Error {
	return &Error{Kind: kind, Code: code, Detail: detail, cause: cause}
}

// Error gives the text for logs; it includes the cause.
func (e *Error) Error() string {
	text := string(e.Kind) + "/" + e.Code + ": " + e.Detail
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is matches two Errors of the same kind and code, so that
// errors.Is(err, redisdb.ErrOutcomeUnknown) works on a wrapped copy.
func (e *Error) Is(target error) bool {
	var other *Error
	return errors.As(target, &other) && other.Kind == e.Kind && other.Code == e.Code
}

// As gives err's Error, or an Internal one that hides err's text.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Wrap(err, Internal, "internal", "Something went wrong on our side. The request id helps us to find it.")
}

// AsReplayed marks err as the remembered answer of an earlier request.
func AsReplayed(err error) error {
	marked := *As(err)
	marked.Replayed = true
	return &marked
}

// InvalidField is the usual refusal of one member of the body.
func InvalidField(pointer, code, detail string) *Error {
	return New(Invalid, "invalid", "The request has a value that is not allowed.",
		Field{Pointer: pointer, Code: code, Detail: detail})
}

// BadParameter is the usual refusal of a path, query or header parameter.
func BadParameter(name, code, detail string) *Error {
	return New(Malformed, "bad-parameter", "A parameter of the request cannot be used: "+name+".",
		Field{Parameter: name, Code: code, Detail: detail})
}
