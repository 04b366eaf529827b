package redisdb

import (
	"context"
	_ "embed"
	"time"
)

// What is written here is not acknowledged by replicas on purpose: rates and
// signs of life are worth nothing a minute later.

//go:embed life.lua
var lifeSource string

//go:embed rate.lua
var rateSource string

var (
	lifeScript = newScript("life", lifeSource)
	rateScript = newScript("rate", rateSource)
)

// lifeTTL is how long a replica counts after its last sign of life: three
// missed signs.
const lifeTTL = 3 * time.Second

// signLife says that this API replica is alive and learns how many are.
func (db *DB) signLife(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	alive, err := db.runUnacknowledged(ctx, lifeScript, []string{KeyReplicas()}, db.settings.Replica, lifeTTL.Milliseconds())
	if err == nil {
		db.peers.Store(alive)
	}
}

// Replicas gives how many API replicas share the load, at least 1.
func (db *DB) Replicas() int { return max(1, int(db.peers.Load())) }

// CountPerMinute counts something of subject, over all replicas, and answers how
// long the caller has to wait: 0 while it is within perMinute.
func (db *DB) CountPerMinute(ctx context.Context, what, subject string, perMinute int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	wait, err := db.runUnacknowledged(ctx, rateScript, []string{KeyRate(what, subject)}, perMinute, time.Minute.Milliseconds())
	return time.Duration(wait) * time.Millisecond, err
}

func (db *DB) runUnacknowledged(ctx context.Context, s *Script, keys []string, args ...any) (int64, error) {
	primary := db.topology.primary()
	if primary == nil {
		return 0, errNoPrimary
	}
	n, err := primary.EvalSha(ctx, s.sha, keys, args...).Int64()
	if isNoScript(err) {
		return primary.Eval(ctx, s.source, keys, args...).Int64()
	}
	return n, err
}
