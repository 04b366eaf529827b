package redisdb

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Absence. A replica may lack what was acknowledged a moment ago, because the other
// one has acknowledged it. So its word that there is no such user, session or product
// is not enough: a client would be told 404 or 401 of what it has just made. The
// primary is asked, and while it does not answer, the other nodes are. What was
// acknowledged is on the primary and on one replica at least; so it is absent only if
// all nodes but one lack it.

const (
	// leastAbsences is how many nodes must lack a thing when the Sentinels know fewer
	// than three nodes.
	leastAbsences = 2
	// mostConfirming bounds the questions about absence that are at the primary at
	// once: half of its pool, so that heartbeats and commits find a connection.
	mostConfirming = nodePool / 2
	// mostUndecided bounds the reads that wait for a primary to decide.
	mostUndecided = 256
	// longestUndecidedPause is the longest pause between two rounds of such a read.
	longestUndecidedPause = 400 * time.Millisecond
)

var errUndecided = errors.New("too few nodes answer to say that it is not there")

// single reads one thing, and asks others for what the node that answered lacks.
// there tells whether the last answer had it.
func (db *DB) single(ctx context.Context, queue question, there func() bool) error {
	err := db.read(ctx, queue)
	if err != nil || readingOf(ctx).Strong || there() {
		return err
	}
	if err = db.confirm(ctx, queue, there); !errors.Is(err, errUndecided) {
		return err
	}
	if db.undecided.Add(1) > mostUndecided {
		db.undecided.Add(-1)
		return ErrBusy
	}
	defer db.undecided.Add(-1)
	return db.awaitDecision(ctx, queue, there)
}

// confirm asks the primary about an absence, and the other nodes while it is silent.
func (db *DB) confirm(ctx context.Context, queue question, there func() bool) error {
	if db.askPrimary(ctx, queue) == nil {
		return nil
	}
	return db.askAll(ctx, queue, there)
}

// awaitDecision asks again, less and less often, until the absence is decided or the deadline comes.
func (db *DB) awaitDecision(ctx context.Context, queue question, there func() bool) error {
	pause := retryPause
	for deadline := db.deadline(ctx); ; pause = min(2*pause, longestUndecidedPause) {
		select {
		case <-ctx.Done():
			return db.unreadable(errUndecided)
		case <-db.topology.nextPrimary():
		case <-time.After(pause):
		}
		err := db.confirm(ctx, queue, there)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return db.unreadable(err)
		}
	}
}

// askAll asks all nodes but the primary, until one has the thing or enough lack it.
func (db *DB) askAll(ctx context.Context, queue question, there func() bool) error {
	now, r, absences := db.topology.now.Load(), readingOf(ctx), 0
	for _, node := range now.nodes {
		if node == now.primary {
			continue
		}
		age, err := db.readNode(ctx, node, r.AtLeast, queue)
		answered := err == nil || errors.Is(err, errOld) || errors.Is(err, errBehind)
		switch {
		case !answered: // silent, or without any data: it may have held the thing
		case !there():
			absences++
		case errors.Is(err, errOld):
			r.stale(age)
			return nil
		case err == nil:
			return nil
		}
	}
	if absences >= max(len(now.nodes)-1, leastAbsences) {
		return nil
	}
	return errUndecided
}

// askPrimary asks the primary without a group: for what a replica did not have.
func (db *DB) askPrimary(ctx context.Context, queue question) error {
	primary := db.topology.primary()
	if primary == nil {
		return errNoPrimary
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	select {
	case db.confirming <- struct{}{}:
		defer func() { <-db.confirming }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var history *redis.StringCmd
	err := pipeline(ctx, primary, func(ctx context.Context, pipe redis.Pipeliner) {
		queue(ctx, pipe)
		history = pipe.Get(ctx, KeyHistory())
	})
	if err == nil && !db.inHistory(history.Val()) {
		return errOtherHistory
	}
	return err
}
