package redisdb

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// errNoPrimary: no Sentinel has named a primary yet.
var errNoPrimary = errors.New("no primary is known")

// notSent marks an error that came before a byte of the group went out.
type notSent struct{ error }

func (e notSent) Unwrap() error { return e.error }

// neverSent holds for errors after which surely nothing was written: nobody is
// primary, or nobody listens at its address. After everything else the command
// may have reached the primary.
func neverSent(err error) bool {
	var before notSent
	var op *net.OpError
	return errors.As(err, &before) || (errors.As(err, &op) && op.Op == "dial")
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
	case errors.As(err, &reply):
		code, _, _ := strings.Cut(reply.Error(), " ")
		return strings.ToLower(code)
	case neverSent(err):
		return "no-connection"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, io.EOF):
		return "closed"
	}
	return "other"
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
	}
	return "failed"
}
