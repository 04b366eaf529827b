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
}

// Command makes a write of s under a request id.
func (s *Script) Command(request idempotency.Request, actor string, keys []string, args ...any) Command {
	return Command{Script: s, Request: request, Actor: actor, Keys: keys, Args: args}
}

// Result is what a script answered, after replicas hold it.
type Result struct {
	// Code is the script's own; 0 is success in every script.
	Code   int
	Values []string
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
// says ErrUnavailable if surely nothing was written, else ErrOutcomeUnknown.
// With too many held already it says ErrBusy at once.
//
// The caller's going away does not end it: what became of a write that is in
// flight has to be found out all the same.
func (db *DB) Commit(ctx context.Context, cmd Command) (Result, error) {
	start := time.Now()
	run := &script{cmd: cmd, loaded: true}
	ride := &item{deadline: db.deadline(ctx), size: len(cmd.Keys) + len(cmd.Args), queue: run.queue, told: run.told}
	err := db.committer.submit(ride)
	db.metrics.committed(cmd.Script.Name, outcome(err), time.Since(start))
	if err != nil {
		return Result{}, final(err, cmd.Script.Name)
	}
	if run.answer.how == reusedKey {
		return Result{}, ErrKeyReused
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
	loaded bool // the server has seen the script, as far as we know
	run    *redis.Cmd
	answer reply
}

func (s *script) queue(ctx context.Context, pipe redis.Pipeliner) {
	how, name := "EVALSHA", s.cmd.Script.sha
	if !s.loaded {
		how, name = "EVAL", s.cmd.Script.source
	}
	args := make([]any, 0, 9+len(s.cmd.Keys)+len(s.cmd.Args))
	args = append(args, how, name, 2+len(s.cmd.Keys), KeyRequest(s.cmd.Request.Record), KeyEvents())
	for _, key := range s.cmd.Keys {
		args = append(args, key)
	}
	r := s.cmd.Request
	args = append(args, r.Fingerprint, r.TTL.Milliseconds(), r.ID, s.cmd.Actor)
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
)

func parse(value any) (reply, error) {
	list, ok := value.([]any)
	if !ok || len(list) < 2 {
		return reply{}, fmt.Errorf("a script answered %T", value)
	}
	how, howOK := list[0].(int64)
	code, codeOK := list[1].(int64)
	if !howOK || !codeOK || how < firstRun || how > repeated {
		return reply{}, errors.New("a script's answer does not begin with how and code")
	}
	r := reply{how: how, Result: Result{
		Code: int(code), Replayed: how == remembered || how == repeated, Own: how == firstRun || how == repeated,
	}}
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
