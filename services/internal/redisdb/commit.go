package redisdb

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/idempotency"
)

// Command is one write: a script with what it works on.
type Command struct {
	Script  *Script
	Request idempotency.Request
	// Actor stands in the event: a user's id, or the part of the shop that acts.
	Actor string
	Keys  []string
	Args  []any
	// Refusal names the refusal that the caller has found already, such as ErrFull.Code; ""
	// if it has found no reason to refuse. An outcome that is remembered goes before it.
	Refusal string
}

// Command makes a write of s under a request id.
func (s *Script) Command(request idempotency.Request, actor string, keys []string, args ...any) Command {
	return Command{Script: s, Request: request, Actor: actor, Keys: keys, Args: args}
}

// Result is what a script answered, after replicas hold it.
type Result struct {
	// Code is the script's own; 0 is success in every script, Named is Refusal's.
	Code int
	// Refusal is the name of a refusal, where a script names it. One that the script gives by decline is not
	// remembered.
	Refusal string
	Values  []string
	// Replayed says that this is the remembered outcome of an earlier run.
	Replayed bool
	// Own says that this HTTP request itself has led to the outcome: at this try or
	// at an earlier one, of the committer's or of nginx's. Of all answers under one
	// Idempotency-Key it holds for one request's, so that is when things are counted.
	Own bool
	// Repeated says that an earlier try of this commit may have been carried out.
	Repeated bool
	// Seq is the commit's number, for reading one's own writes.
	Seq int64
}

// Named is the Code of a Result whose script named its refusal.
const Named = -1

// Unread is the error for a code that the caller does not know. If the outcome is a
// remembered one, a newer version has made it, and it stands: only this replica
// cannot tell what it is.
func (r Result) Unread(what string) error {
	err := fmt.Errorf("%s answered the code %d %s", what, r.Code, r.Refusal)
	if r.Replayed {
		return unreadable(err)
	}
	return err
}

// unreadable says that a request has an outcome that this version cannot read.
func unreadable(cause error) error {
	err := fault.Wrap(cause, ErrOutcomeUnknown.Kind, ErrOutcomeUnknown.Code, ErrOutcomeUnknown.Detail)
	err.RetryAfter = ErrOutcomeUnknown.RetryAfter
	return err
}

// Int gives value i as a number; scripts render their numbers themselves.
func (r Result) Int(i int) int64 {
	if i >= len(r.Values) {
		return 0
	}
	n, _ := strconv.ParseInt(r.Values[i], 10, 64)
	return n
}

// Commit runs a write and returns once its outcome, effect or refusal, is
// acknowledged (ack.go). While there is no primary, or too few replicas, it is
// held and submitted again under the same request id until the deadline, ctx's or
// Settings', whichever is first; then it
// says ErrUnavailable if surely nothing was written, else ErrOutcomeUnknown. During a restore it says
// ErrRestoring at once.
// With too many held already it says ErrBusy at once. A refusal that is not
// remembered, the command's own or the script's, is an error of refusals.go.
//
// The caller's going away does not end it: what became of a write that is in
// flight has to be found out all the same.
func (db *DB) Commit(ctx context.Context, cmd Command) (Result, error) {
	if db.Restoring() {
		return Result{}, ErrRestoring
	}
	start := time.Now()
	run := newRun(cmd, db.History(), cmd.Refusal != "" || db.short(ctx))
	ride := &item{deadline: db.deadline(ctx), size: len(cmd.Keys) + len(cmd.Args), queue: run.queue, told: run.told}
	err := db.committer.submit(ride)
	if err == nil && run.answer.how == refusedNow {
		db.heard(run.answer.Refusal)
		err = refusal(run.answer.Refusal, ride.maybeDone())
	}
	if err == nil && run.answer.how == declined && ride.maybeDone() {
		err = ErrOutcomeUnknown
	}
	db.metrics.committed(cmd.Script.Name, outcome(err), time.Since(start))
	if err != nil {
		return Result{}, final(err, cmd.Script.Name)
	}
	switch run.answer.how {
	case reusedKey:
		return Result{}, ErrKeyReused
	case otherForm:
		return Result{}, unreadable(fmt.Errorf("%s: the outcome is remembered in form %d, which this version cannot read",
			cmd.Script.Name, run.answer.Code))
	case declined:
		return run.answer.Result, nil // nothing was written, so there is nothing to be read
	}
	readingOf(ctx).wrote(run.answer.Seq)
	run.answer.Repeated = ride.maybeDone()
	return run.answer.Result, nil
}

// deadline is when a commit gives up.
func (db *DB) deadline(ctx context.Context) time.Time {
	latest := time.Now().Add(db.settings.Deadline)
	if own, has := ctx.Deadline(); has && own.Before(latest) {
		return own
	}
	return latest
}

// final turns what Redis itself answered into what the caller is told.
func final(err error, what string) error {
	var ours *fault.Error
	switch {
	case errors.As(err, &ours):
		return err
	case classify(err) == full:
		return ErrFull
	}
	return fmt.Errorf("%s: %w", what, err)
}

// script is a Command on its way.
type script struct {
	cmd    Command
	form   *Script // cmd's script, or its short form
	loaded bool    // the server has seen that form, as far as we know
	// history is the one that the replica works in when the write is handed in.
	history string
	run     *redis.Cmd
	answer  reply
}

// newRun prepares a command. short says that it is refused already, or that memory is
// short: then its script is sent in the form that writes little or nothing.
func newRun(cmd Command, history string, short bool) *script {
	run := &script{cmd: cmd, form: cmd.Script, loaded: true, history: history}
	if short {
		run.form = cmd.Script.short
	}
	return run
}

func (s *script) queue(ctx context.Context, pipe redis.Pipeliner) {
	how, name := "EVALSHA", s.form.sha
	if !s.loaded {
		how, name = "EVAL", s.form.source
	}
	r, buckets := s.cmd.Request, ""
	if r.Caller != "" {
		buckets = KeyRequests(r.Caller, "")
	}
	args := make([]any, 0, 16+len(s.cmd.Keys)+len(s.cmd.Args))
	args = append(args, how, name, 4+len(s.cmd.Keys), KeyRequest(r.Record), KeyEvents(), KeySchema(), KeyHistory())
	for _, key := range s.cmd.Keys {
		args = append(args, key)
	}
	args = append(args, r.Fingerprint, r.TTL.Milliseconds(), r.ID, s.cmd.Actor, r.Stamp(), buckets, r.Field(), s.cmd.Refusal, s.history)
	s.run = pipe.Do(ctx, append(args, s.cmd.Args...)...)
}

func (s *script) told(seq int64) (err error) {
	if s.run == nil {
		return errNoPrimary // it was never queued
	}
	if err := s.run.Err(); err != nil {
		if isNoScript(err) {
			s.loaded = false // a new primary has never seen it
		}
		if classify(err) == full && s.form != s.cmd.Script.short {
			s.form, s.loaded = s.cmd.Script.short, true
			return goesShort{err}
		}
		return err
	}
	if s.answer, err = parse(s.run.Val()); err != nil {
		return malformed{err}
	}
	s.answer.Seq = seq
	return nil
}

// reply is a Result with how the prelude came to it.
type reply struct {
	Result
	how int64
}

// How the prelude came to its answer.
const (
	firstRun   = 0
	remembered = 1
	reusedKey  = 2
	repeated   = 3 // remembered, from an earlier try of the same HTTP request
	otherForm  = 4 // remembered, in a form that this version cannot read; the code is its number
	refusedNow = 5 // nothing was written or remembered; Refusal says why
	declined   = 6 // the same, and the script's caller knows the refusal by its name
)

func parse(value any) (reply, error) {
	list, ok := value.([]any)
	if !ok || len(list) < 2 {
		return reply{}, fmt.Errorf("a script answered %T", value)
	}
	how, isNumber := list[0].(int64)
	if !isNumber || how < firstRun || how > declined {
		return reply{}, errors.New("a script's answer does not begin with how")
	}
	r := reply{how: how, Result: Result{Replayed: how == remembered || how == repeated, Own: how == firstRun || how == repeated}}
	switch code := list[1].(type) {
	case int64:
		r.Code = int(code)
	case string:
		r.Code, r.Refusal = Named, code
	default:
		return reply{}, fmt.Errorf("a script's answer has the code %T", code)
	}
	for _, v := range list[2:] {
		switch v := v.(type) {
		case string:
			r.Values = append(r.Values, v)
		case int64:
			r.Values = append(r.Values, strconv.FormatInt(v, 10))
		default:
			return reply{}, fmt.Errorf("a script answered with %T among its values", v)
		}
	}
	return r, nil
}
