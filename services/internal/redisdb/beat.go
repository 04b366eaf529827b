package redisdb

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed beat.lua
var beatSource string

var beatScript = newScript("beat", beatSource)

// errLate is a heartbeat that the primary received in time and ran too late.
var errLate = errors.New("the primary was too slow for its heartbeat")

// beat sends a heartbeat along with the next group, and answers once it is
// acknowledged, or at the deadline.
//
// It carries the primary's own time at which it becomes void. A frozen primary that
// wakes up runs what it was sent before the freeze; without that limit its heartbeat
// would say that its data, older than the freeze, is new. The limit is maxAge, so an
// answer within the bound is never more than twice maxAge behind.
func (db *DB) beat(ctx context.Context, deadline time.Time) error {
	now, err := db.primaryTime(ctx, deadline)
	if err != nil {
		return err
	}
	void := now.Add(maxAge)
	var reply *redis.Cmd
	return db.committer.submit(&item{
		deadline: deadline, size: 1,
		queue: func(ctx context.Context, pipe redis.Pipeliner) {
			reply = pipe.Do(ctx, "EVAL", beatScript.source, 1, KeyHeartbeat(), void.UnixMilli())
		},
		told: func(int64) error {
			if reply == nil {
				return errNoPrimary
			}
			if written, err := reply.Int(); err != nil || written == 1 {
				return err
			}
			return errLate
		},
	})
}

// primaryTime asks the primary for its time until it answers, or the deadline comes.
func (db *DB) primaryTime(ctx context.Context, deadline time.Time) (time.Time, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for {
		var now *redis.TimeCmd
		err := db.askPrimary(ctx, func(ctx context.Context, pipe redis.Pipeliner) { now = pipe.Time(ctx) })
		if err == nil {
			return now.Val(), nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, err
		case <-time.After(retryPause):
		case <-db.topology.nextPrimary():
		}
	}
}
