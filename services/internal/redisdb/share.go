package redisdb

import (
	"context"
	_ "embed"
	"time"

	"github.com/redis/go-redis/v9"
)

// What is written here is not acknowledged by replicas on purpose: rates and
// signs of life are worth nothing a minute later.

//go:embed life.lua
var lifeSource string

//go:embed rate.lua
var rateSource string

var (
	lifeScript = newScript("life", allowOOM, lifeSource)
	rateScript = newScript("rate", allowOOM, rateSource)
)

// lifeTTL is how long a replica counts after its last sign of life: three
// missed signs.
const lifeTTL = 3 * time.Second

// signLife says that this API replica is alive. It learns how many are, which
// layout is in force, and of a restore.
func (db *DB) signLife(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	keys := []string{KeyReplicas(), KeySchema(), KeyHistory()}
	told, err := db.runUnacknowledged(ctx, lifeScript, keys, db.settings.Replica, lifeTTL.Milliseconds()).Slice()
	if err != nil || len(told) != 4 {
		return
	}
	layout, _ := told[1].(string)
	history, _ := told[2].(string)
	if db.learn(layout, history) {
		peers, _ := told[0].(int64)
		db.peers.Store(peers)
		before, _ := told[3].(int64)
		db.turnToEnd.Store(before)
	}
}

// Replicas gives how many API replicas share the load, at least 1.
func (db *DB) Replicas() int { return max(1, int(db.peers.Load())) }

// TurnToEnd is how many of the replicas that share the load have a name before this one's. In that order they end after
// a restore, so that not all of them are away at once.
func (db *DB) TurnToEnd() int { return int(db.turnToEnd.Load()) }

// CountPerMinute counts something of subject, over all replicas, and answers how
// long the caller has to wait: 0 while it is within perMinute.
func (db *DB) CountPerMinute(ctx context.Context, what, subject string, perMinute int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	wait, err := db.runUnacknowledged(ctx, rateScript, []string{KeyRate(what, subject), KeySchema()}, perMinute, time.Minute.Milliseconds()).Int64()
	return time.Duration(wait) * time.Millisecond, err
}

func (db *DB) runUnacknowledged(ctx context.Context, s *Script, keys []string, args ...any) *redis.Cmd {
	primary := db.topology.primary()
	if primary == nil {
		none := redis.NewCmd(ctx)
		none.SetErr(errNoPrimary)
		return none
	}
	told := primary.EvalSha(ctx, s.sha, keys, args...)
	if isNoScript(told.Err()) {
		return primary.Eval(ctx, s.source, keys, args...)
	}
	return told
}
