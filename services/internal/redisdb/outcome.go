package redisdb

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// errNoPrimary: no Sentinel has named a primary yet.
var errNoPrimary = errors.New("no primary is known")

// notSent marks an error that came before a byte of the group went out.
type notSent struct{ error }

func (e notSent) Unwrap() error { return e.error }

// withheld marks why a group that has run was not acknowledged. What it wraps tells
// of the looking around, not of the group: a node that refuses a connection then
// does not mean that nothing was sent to the primary.
type withheld struct{ error }

func (e withheld) Unwrap() error { return e.error }

// neverSent holds for errors after which surely nothing was written: nobody is
// primary, or nobody listens at its address. After everything else the command
// may have reached the primary.
func neverSent(err error) bool {
	var before notSent
	var ran withheld
	var op *net.OpError
	return !errors.As(err, &ran) && (errors.As(err, &before) || (errors.As(err, &op) && op.Op == "dial"))
}

// broken marks an error of an exchange that broke off: a connection that was
// closed, a time-out, a reply that the driver could not read.
type broken struct{ error }

func (e broken) Unwrap() error { return e.error }

// breakOff marks an exchange's error as one, if it is no answer of Redis and
// something was sent at all.
func breakOff(err error) error {
	if neverSent(err) || classify(err) != unknown {
		return err
	}
	return broken{err}
}

func brokeOff(err error) bool {
	var marked broken
	return errors.As(err, &marked)
}

// repliesOfRedis are the first words of its errors that may be met here. A script
// can say any word, so that what is not among these is no label.
var repliesOfRedis = []string{
	"noreplicas", "readonly", "loading", "misconf", "unblocked", "oom", "masterdown", "noscript", "busy", "unkillable",
	"err", "noperm", "noauth", "wrongpass", "wrongtype", "execabort",
}

// causes lists what cause may say.
func causes() []string {
	return append([]string{
		"not-acknowledged", "promotion", "other-history", "no-connection", "timeout", "closed", "reset", "hung-up", "other",
	}, repliesOfRedis...)
}

// cause is an error as a label: few values, known beforehand.
func cause(err error) string {
	var reply redis.Error
	var timeout net.Error
	switch {
	case errors.Is(err, errShort):
		return "not-acknowledged"
	case errors.Is(err, errPromoted):
		return "promotion"
	case errors.Is(err, errPreferred):
		return "other-history"
	case errors.Is(err, errAlone):
		return "noreplicas"
	case errors.As(err, &reply):
		code, _, _ := strings.Cut(reply.Error(), " ")
		if code = strings.ToLower(code); slices.Contains(repliesOfRedis, code) {
			return code
		}
		return "other"
	case neverSent(err):
		return "no-connection"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, net.ErrClosed):
		return "hung-up" // by ourselves, because there is a new primary
	}
	return "other"
}

// outcomes lists what outcome may say.
func outcomes() []string {
	return []string{"acknowledged", "unknown", "unavailable", "busy", "full", "refused", "failed"}
}

// outcome is how a commit ended, as a label.
func outcome(err error) string {
	switch {
	case err == nil:
		return "acknowledged"
	case errors.Is(err, ErrOutcomeUnknown):
		return "unknown"
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	case errors.Is(err, ErrBusy):
		return "busy"
	case errors.Is(err, ErrFull), classify(err) == full:
		return "full"
	case errors.Is(err, errRefusedNow):
		return "refused"
	}
	return "failed"
}
