//go:build drill

package redisdb

import (
	"context"
	"fmt"
)

// Alone is the database that group commit is measured against (make bench): each
// write goes out by itself, on a connection of its own from the pool, with an INCR
// and a WAIT of its own, and is acknowledged by the same rule. It tries once.
type Alone struct{ *DB }

// Commit runs one write; any error means that it may have happened.
func (a Alone) Commit(ctx context.Context, cmd Command) (Result, error) {
	primary := a.topology.now.Load().primary
	if primary == "" {
		return Result{}, errNoPrimary
	}
	conn := a.topology.client(primary).Conn()
	defer func() { _ = conn.Close() }()
	run := newRun(cmd, a.History(), false)
	one, group := committer{conn: conn, ask: mostReplicas}, []*item{{queue: run.queue}}
	seq, count, err := one.pipeline(ctx, group)
	if err == nil && isNoScript(run.told(0)) { // from there on it is sent whole
		seq, count, err = one.pipeline(ctx, group)
	}
	if err == nil {
		_, err = a.topology.acknowledged(ctx, primary, count)
	}
	if err == nil {
		err = run.told(seq)
	}
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", cmd.Script.Name, err)
	}
	return run.answer.Result, nil
}
