// Package idempotency names a write so that it happens once, however often it
// is sent: by a client that retries, by nginx that tries the other replica, or
// by the committer that does not know what became of its first try.
package idempotency

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// How long an outcome is remembered.
const (
	// KeyTTL holds for ids that clients choose (Idempotency-Key).
	KeyTTL = 24 * time.Hour
	// OwnTTL holds for ids made by us: longer than the deadline of a write plus
	// the longest freeze of a replica that still holds the request.
	OwnTTL = 2 * time.Minute
)

// MaxKey is the longest Idempotency-Key, in bytes.
const MaxKey = 255

// Request identifies one write. The zero Request is not remembered at all; it
// is for scripts that are harmless to run again by themselves.
type Request struct {
	// Record is the name, in Redis, of the remembered outcome; a hash.
	Record string
	// Fingerprint tells two different bodies under one key apart.
	Fingerprint string
	// TTL is how long the outcome is remembered; 0 means not at all.
	TTL time.Duration
	// ByClient says that the client chose the key and can retry with it.
	ByClient bool
	// ID is the id of the HTTP request, for events and logs.
	ID string
	// Caller names whose outcomes are kept together, a day's in one bucket; a hash.
	// Two callers of one name share their buckets, which does no harm. It is empty
	// for ids of our own and where there is no user yet: their outcomes have keys of their own.
	Caller string
}

// Bytes of the short names that a compact record of an outcome has.
const (
	fingerprintBytes = 8
	idBytes          = 4
	fieldBytes       = 12
)

// Stamp is the fingerprint and the request's id as a compact record has them: 8
// bytes of the one, then 4 of the other.
func (r Request) Stamp() string {
	return shorten(r.Fingerprint, fingerprintBytes) + shorten(r.ID, idBytes)
}

// Field names the outcome within a bucket, in 12 bytes.
func (r Request) Field() string { return shorten(r.Record, fieldBytes) }

func shorten(text string, size int) string {
	sum := sha256.Sum256([]byte(text))
	return string(sum[:size])
}

// Maker makes Requests; its secret keys every hash, because a body may hold a
// password.
type Maker struct{ secret []byte }

// NewMaker makes a Maker; secret is at least 32 bytes.
func NewMaker(secret []byte) Maker { return Maker{secret: secret} }

// Source is what a Request is made from.
type Source struct {
	Key       string // the client's Idempotency-Key, or ""
	RequestID string // the id of the HTTP request: the same when nginx tries again
	User      string // the caller's id, or "" where there is no user yet
	Method    string
	Path      string
	Body      []byte
}

// Make names the write: scope is user, method and path; where there is no user
// yet (sign-up), the body takes the user's place.
func (m Maker) Make(s Source) Request {
	fingerprint := m.hash("body", string(s.Body))
	who := s.User
	if who == "" {
		who = fingerprint
	}
	r := Request{Fingerprint: fingerprint, ID: s.RequestID}
	if s.Key != "" {
		r.Record, r.TTL, r.ByClient = m.hash("key", who, s.Method, s.Path, s.Key), KeyTTL, true
		if s.User != "" {
			r.Caller = m.hash("caller", s.User)[:callerChars]
		}
		return r
	}
	r.Record, r.TTL = m.hash("own", who, s.Method, s.Path, s.RequestID), OwnTTL
	return r
}

// callerChars is the length of a Caller: 66 bits.
const callerChars = 11

// hash is an HMAC over length-delimited parts, so that no two lists of parts
// can run together; 16 bytes of it are plenty to tell requests apart.
func (m Maker) hash(parts ...string) string {
	h := hmac.New(sha256.New, m.secret)
	for _, part := range parts {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
