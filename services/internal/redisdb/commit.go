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
	// Seq is the commit's number, for read-your-writes.
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

// retryPause is the pause between two tries of a commit: short against a
// failover (about 4 s), long against the time that a refused connection takes.
const retryPause = 50 * time.Millisecond

// errShort: fewer replicas than asked for acknowledged within waitTimeout.
var errShort = errors.New("not enough replicas acknowledged")

// Commit runs a write and returns once its outcome, effect or refusal, is
// acknowledged (ack.go). While there is no primary, or too few replicas, it
// tries again under the same request id until the deadline; then it says
// ErrUnavailable if surely nothing was written, else ErrOutcomeUnknown.
//
// The caller's going away does not end it: a client that hangs up must not
// leave us with a connection in the middle of an answer.
func (db *DB) Commit(ctx context.Context, cmd Command) (Result, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), db.settings.Deadline)
	defer cancel()
	start := time.Now()
	result, err := db.commit(ctx, cmd)
	db.metrics.committed(cmd.Script.Name, outcome(err), time.Since(start))
	if err != nil {
		return Result{}, err
	}
	if result.how == reusedKey {
		return Result{}, ErrKeyReused
	}
	return result.Result, nil
}

func (db *DB) commit(ctx context.Context, cmd Command) (reply, error) {
	select {
	case db.slots <- struct{}{}:
		defer func() { <-db.slots }()
	case <-ctx.Done():
		return reply{}, fault.Wrap(ctx.Err(), ErrUnavailable.Kind, ErrUnavailable.Code, ErrUnavailable.Detail)
	}
	mayBeWritten := false
	for {
		result, err := db.try(ctx, cmd)
		if err == nil {
			return result, nil
		}
		switch classify(err) {
		case full:
			return reply{}, ErrFull
		case failed:
			return reply{}, fmt.Errorf("script %s: %w", cmd.Script.Name, err)
		case unknown:
			mayBeWritten = mayBeWritten || !neverSent(err)
		case refused:
		}
		db.metrics.retried(cause(err))
		if !db.pause(ctx) {
			return reply{}, giveUp(err, mayBeWritten)
		}
	}
}

// pause waits before the next try; false means that the deadline has come.
func (db *DB) pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(retryPause):
		db.refresh(ctx)
		return ctx.Err() == nil
	}
}

func giveUp(cause error, mayBeWritten bool) error {
	as := ErrUnavailable
	if mayBeWritten {
		as = ErrOutcomeUnknown
	}
	err := fault.Wrap(cause, as.Kind, as.Code, as.Detail)
	err.RetryAfter = as.RetryAfter
	return err
}

// try is one attempt on one connection: WAIT speaks only of what its own
// connection wrote, so script, INCR and WAIT have to share one.
func (db *DB) try(ctx context.Context, cmd Command) (reply, error) {
	conn := db.writer.Conn()
	defer func() { _ = conn.Close() }()
	result, err := db.send(ctx, conn, cmd, "EVALSHA", cmd.Script.sha)
	if isNoScript(err) {
		// A new primary has never seen the script.
		return db.send(ctx, conn, cmd, "EVAL", cmd.Script.source)
	}
	return result, err
}

// send is the pipeline. The INCR is there because from Redis 7.2 WAIT answers at
// once on a connection whose last command wrote nothing, as a refusal may.
func (db *DB) send(ctx context.Context, conn *redis.Conn, cmd Command, how, script string) (reply, error) {
	args := make([]any, 0, 9+len(cmd.Keys)+len(cmd.Args))
	args = append(args, how, script, 2+len(cmd.Keys), KeyRequest(cmd.Request.Record), KeyEvents())
	for _, key := range cmd.Keys {
		args = append(args, key)
	}
	r := cmd.Request
	args = append(args, r.Fingerprint, r.TTL.Milliseconds(), r.ID, cmd.Actor)
	args = append(args, cmd.Args...)

	want := db.replicas.Load()
	var run, seq, held *redis.Cmd
	_, err := conn.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		run = pipe.Do(ctx, args...)
		seq = pipe.Do(ctx, "INCR", KeyCommitSeq())
		held = pipe.Do(ctx, "WAIT", want, waitTimeout.Milliseconds())
		return nil
	})
	if run.Err() != nil {
		return reply{}, run.Err()
	}
	if err != nil {
		return reply{}, err
	}
	if count, err := held.Int64(); err != nil || count < want {
		return reply{}, errors.Join(errShort, err)
	}
	result, err := parse(run.Val())
	result.Seq, _ = seq.Int64()
	return result, err
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
)

func parse(value any) (reply, error) {
	list, ok := value.([]any)
	if !ok || len(list) < 2 {
		return reply{}, fmt.Errorf("a script answered %T", value)
	}
	how, howOK := list[0].(int64)
	code, codeOK := list[1].(int64)
	if !howOK || !codeOK || how < firstRun || how > reusedKey {
		return reply{}, fmt.Errorf("a script answered %v, %v", list[0], list[1])
	}
	r := reply{how: how, Result: Result{Code: int(code), Replayed: how == remembered}}
	for _, v := range list[2:] {
		r.Values = append(r.Values, fmt.Sprint(v))
	}
	return r, nil
}
