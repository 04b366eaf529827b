package redisdb

import (
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"evergreen/services/internal/fault"
)

// What Commit and the reads refuse with.
var (
	// ErrOutcomeUnknown: the deadline came before the write was acknowledged; it
	// may have happened. The same request id gives the one true outcome.
	ErrOutcomeUnknown = fault.OutcomeUnknown
	// ErrUnavailable: nothing was written, or nothing could be read.
	ErrUnavailable = &fault.Error{Kind: fault.Unavailable, Code: "unavailable", RetryAfter: 2 * time.Second,
		Detail: "The store cannot be reached at the moment. Nothing was changed."}
	// ErrFull: Redis is at maxmemory and refuses writes; nothing was written.
	ErrFull = &fault.Error{Kind: fault.Unavailable, Code: "storage-full", RetryAfter: 30 * time.Second,
		Detail: "The store has no room for new data. Nothing was changed; reads go on."}
	// ErrBusy: too many writes are held already; nothing was written.
	ErrBusy = &fault.Error{Kind: fault.Unavailable, Code: "busy", RetryAfter: 2 * time.Second,
		Detail: "Too many writes are waiting for the store. Nothing was changed."}
	// ErrRestoring: the data is being replaced by a backup's, or has been; nothing was written.
	ErrRestoring = &fault.Error{Kind: fault.Unavailable, Code: "restoring", RetryAfter: 5 * time.Second,
		Detail: "The shop is being restored from a backup. Nothing was changed; it opens again afterwards."}
	// ErrBadToken: no commit of this shop has given that Consistency-Token.
	ErrBadToken = fault.BadParameter("Consistency-Token", "bad-token", "Send the token as the answer to a write showed it.")
	// ErrKeyReused: the Idempotency-Key came before with another body.
	ErrKeyReused = fault.New(fault.Invalid, "idempotency-key-reused",
		"This Idempotency-Key was used before with another body.",
		fault.Field{Parameter: "Idempotency-Key", Code: "reused", Detail: "A new request takes a new key."})
)

// failure is what became of one try of a write.
type failure int

const (
	// failed for good: a defect of ours, trying again would not help.
	failed failure = iota
	// refused: nothing was written, it may be submitted again.
	refused
	// unknown: it may have been written, and may be submitted again.
	unknown
	// full: nothing was written, no memory.
	full
)

// answered are the errors that Redis itself gives before it writes anything.
var answered = map[string]failure{
	"NOREPLICAS": refused, "OOM": full, "LOADING": refused, "READONLY": refused, "MASTERDOWN": refused, "MISCONF": refused,
}

// malformed marks an answer of one of our scripts that is none. The script has
// run, and would answer the same again.
type malformed struct{ error }

func (e malformed) Unwrap() error { return e.error }

// classify sorts an error of a try. An error that a script raised is a defect, and
// so is an answer that makes no sense; everything that is no answer of Redis (EOF,
// time-outs, refused connections) leaves the outcome unknown.
func classify(err error) failure {
	var nonsense malformed
	if errors.As(err, &nonsense) {
		return failed
	}
	var reply redis.Error
	if !errors.As(err, &reply) {
		return unknown
	}
	if strings.HasPrefix(reply.Error(), "ERR max number of clients") {
		return refused // it is said instead of a connection
	}
	code, _, _ := strings.Cut(reply.Error(), " ")
	if f, known := answered[code]; known {
		return f
	}
	if strings.HasPrefix(code, "UNBLOCKED") || strings.HasPrefix(code, "UNKILLABLE") || strings.HasPrefix(code, "BUSY") {
		return unknown
	}
	return failed
}

// goesShort marks Redis's refusal, for want of memory, of a script that has another form
// for that. Nothing was written; the other form goes next.
type goesShort struct{ error }

func (e goesShort) Unwrap() error { return e.error }

// goesAtOnce holds for an item that is sent again in another form, without a pause.
func goesAtOnce(err error) bool {
	var inShort goesShort
	return isNoScript(err) || errors.As(err, &inShort)
}

// isNoScript holds when the server has never seen the script, as a newly
// promoted primary has not.
func isNoScript(err error) bool { return redis.HasErrorPrefix(err, "NOSCRIPT") }

// mustRepeat holds for an item that a committed group left undone: it was
// refused before anything was written, or its script has to be sent in another form.
func mustRepeat(err error) bool {
	return err != nil && (goesAtOnce(err) || classify(err) == refused || classify(err) == unknown)
}
