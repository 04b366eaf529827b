package redisdb

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// neverSent holds for errors that came before a byte of the command went out:
// no Sentinel answered, or nobody listens at the primary's address. Everything
// else may have reached the primary.
func neverSent(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	return strings.Contains(err.Error(), "all sentinels specified")
}

// cause is an error as a label: few values, known beforehand.
func cause(err error) string {
	var reply redis.Error
	var timeout net.Error
	switch {
	case errors.Is(err, errShort):
		return "not-acknowledged"
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
	case errors.Is(err, ErrFull):
		return "full"
	}
	return "failed"
}
