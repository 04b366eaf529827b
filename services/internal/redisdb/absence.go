package redisdb

import (
	"context"
	"errors"
	"time"
)

// Absence. A replica may lack what was acknowledged a moment ago, because the other
// one has acknowledged it. So its word that there is no such user, session or product
// is not enough: a client would be told 404 or 401 of what it has just made. The
// primary is asked, and while it does not answer, the other nodes are. What was
// acknowledged is on the primary and on one replica at least; so it is absent only if
// all nodes but one lack it.

// leastAbsences is how many nodes must lack a thing when the Sentinels know fewer
// than three nodes.
const leastAbsences = 2

var errUndecided = errors.New("too few nodes answer to say that it is not there")

// single reads one thing, and asks others for what the node that answered lacks.
// there tells whether the last answer had it.
func (db *DB) single(ctx context.Context, queue question, there func() bool) error {
	err := db.read(ctx, queue)
	if err != nil || readingOf(ctx).Strong || there() {
		return err
	}
	for deadline := db.deadline(ctx); ; {
		if db.askPrimary(ctx, queue) == nil {
			return nil
		}
		if err = db.askAll(ctx, queue, there); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return db.unreadable(err)
		case <-time.After(retryPause):
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
	return pipeline(ctx, primary, queue)
}
