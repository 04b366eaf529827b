package redisdb

import (
	"errors"
	"fmt"
	"time"

	"evergreen/services/internal/fault"
)

// Refusals that are not remembered. An API replica finds some before it sends a write
// (Command.Refusal), and scripts find some (refuse in prelude.lua). In both cases the
// prelude looks for the remembered outcome first: a retry of an accepted request gets
// its outcome, whatever bound is reached by then. A refusal of this kind is no outcome:
// nothing is written, and the same Idempotency-Key may succeed later.

// errRefusedNow marks a refusal of this kind, for metrics.
var errRefusedNow = errors.New("refused for now")

// The refusals of the quotas of a day, which package web counts.
var (
	errDayKeys = &fault.Error{Kind: fault.TooMany, Code: "quota-day-keys", RetryAfter: time.Hour,
		Detail: "You have sent too many writes today (UTC)."}
	errDayBytes = &fault.Error{Kind: fault.TooMany, Code: "quota-day-bytes", RetryAfter: time.Hour,
		Detail: "Your purchases and remembered answers of today (UTC) are too large in all."}
)

// refusals has the error of each name.
var refusals = map[string]*fault.Error{
	ErrFull.Code:  ErrFull,
	markRestoring: ErrRestoring, refusedOtherHistory: ErrRestoring,
	errDayKeys.Code: errDayKeys, errDayBytes.Code: errDayBytes,
	fault.DayShare.Code: fault.DayShare, fault.DayAddress.Code: fault.DayAddress,
}

// refusal gives the error of a name. maybeDone says that an earlier try of the commit may
// have been carried out; then the outcome is unknown. For nginx's second try package
// web says so.
func refusal(name string, maybeDone bool) error {
	as, known := refusals[name]
	if !known {
		return fmt.Errorf("the refusal %q has no error", name)
	}
	if maybeDone {
		as = ErrOutcomeUnknown
	}
	err := fault.Wrap(fmt.Errorf("%w: %s", errRefusedNow, name), as.Kind, as.Code, as.Detail)
	err.Fields, err.RetryAfter = as.Fields, as.RetryAfter
	return err
}
