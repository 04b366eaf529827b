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

var (
	beatScript = newScript("beat", allowOOM, beatSource)
	// roomScript writes nothing; Redis refuses it when it would refuse a purchase for want of memory.
	roomScript = newScript("room", noFlags, "return 1")
)

// heldBack is what the script answers while a restore is under way, and after one.
const heldBack = 2

// errLate says that the primary ran each heartbeat too late, or did not tell its time.
var errLate = errors.New("the primary was too slow for its heartbeat")

// beat sends a heartbeat along with the next group, and answers once it is
// acknowledged, or at the deadline. Without memory for a customer's purchase it answers
// ErrFull, though the heartbeat was written.
//
// It carries the primary's own time at which it becomes void. A frozen primary that
// wakes up runs what it was sent before the freeze; without that limit its heartbeat
// would say that its data, older than the freeze, is new. The limit is maxAge, so an
// answer within the bound is never more than twice maxAge behind.
//
// A primary that does not tell its time is sent a heartbeat that is void already. It
// finds out whether the committer's connection is still good, and waits for the next
// primary as every write does.
func (db *DB) beat(ctx context.Context, deadline time.Time) error {
	for {
		void := time.UnixMilli(0)
		if now, err := db.primaryTime(ctx); err == nil {
			void = now.Add(maxAge)
		}
		written, room, err := db.sendBeat(deadline, void)
		if err != nil {
			return err
		}
		if written {
			return room
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryPause):
		}
		if !time.Now().Before(deadline) {
			return errLate
		}
	}
}

// sendBeat commits one heartbeat and reports whether the primary wrote it. The heartbeat
// is written without room for a purchase, too; room is nil or ErrFull.
func (db *DB) sendBeat(deadline, void time.Time) (wrote bool, room, err error) {
	var reply, sells *redis.Cmd
	var written int
	err = db.committer.submit(&item{
		deadline: deadline, size: 1,
		queue: func(ctx context.Context, pipe redis.Pipeliner) {
			reply = pipe.Do(ctx, "EVAL", beatScript.source, 3, KeyHeartbeat(), KeySchema(), KeyHistory(), void.UnixMilli(), db.History())
			sells = pipe.Do(ctx, "EVAL", roomScript.source, 0)
		},
		told: func(int64) (err error) {
			if reply == nil {
				return errNoPrimary
			}
			written, err = reply.Int()
			return err
		},
	})
	if err != nil {
		return false, nil, err // at its deadline the item may be on its way still, and write to written
	}
	if written == heldBack {
		return false, nil, ErrRestoring
	}
	if classify(sells.Err()) == full || db.sparesReserve() {
		room = ErrFull
	}
	return written == 1, room, nil
}

// primaryTime asks the primary for its time, once.
func (db *DB) primaryTime(ctx context.Context) (time.Time, error) {
	var now *redis.TimeCmd
	primary := db.topology.primary()
	if primary == nil {
		return time.Time{}, errNoPrimary
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := pipeline(ctx, primary, func(ctx context.Context, pipe redis.Pipeliner) { now = pipe.Time(ctx) }); err != nil {
		return time.Time{}, err
	}
	return now.Val(), nil
}
