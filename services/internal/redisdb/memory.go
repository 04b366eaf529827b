package redisdb

import (
	"context"
	"time"
)

// The bound of memory. Redis refuses at maxmemory every command that may make the data
// larger, and drops nothing (noeviction). These rules hold before and at that bound:
//
//   - Above Settings.CustomerMemoryPercent of maxmemory the writes of customers that
//     make the data larger are refused with ErrFull; the rest is a reserve for admins
//     and for the shop itself. Each replica asks the primary twice a second how much it uses.
//   - Writes that free memory or stop a loss always run (NewFreeingScript).
//   - A retry gets its remembered outcome at any time: what is refused runs in a form
//     that only looks for it (NewScript).
//   - The group's own number, the heartbeat, the signs of life and the rates run at
//     maxmemory, too. So reads in a group are answered, and replicas are not taken for old.
//   - The write probe fails while customers are refused: the shop cannot sell then.

// Memory is what the primary said of its memory last.
type Memory struct {
	// UsedBytes counts as Redis does against its bound: without the buffers of replicas and of the append-only file.
	UsedBytes int64
	// MaxBytes is maxmemory; 0 means that there is no bound, or that it is not known yet.
	MaxBytes int64
}

// Over reports whether more than that share of maxmemory is in use.
func (m Memory) Over(percent int) bool {
	return m.MaxBytes > 0 && m.UsedBytes*100 > m.MaxBytes*int64(percent)
}

// Memory is how much memory the primary uses. It is half a second old, or older while the
// primary does not answer.
func (db *DB) Memory() Memory {
	if known := db.memory.Load(); known != nil {
		return *known
	}
	return Memory{}
}

// measureMemory asks the primary.
func (db *DB) measureMemory(ctx context.Context) {
	primary := db.topology.primary()
	if primary == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	text, err := primary.Info(ctx, "memory").Result()
	if err != nil {
		return
	}
	said := infoFields(text)
	db.memory.Store(&Memory{
		UsedBytes: integer(said["used_memory"]) - integer(said["mem_not_counted_for_evict"]), MaxBytes: integer(said["maxmemory"]),
	})
}

// numberScript is the group's INCR as Redis runs it at maxmemory; the key gets no larger by it.
var numberScript = newScript("number", allowOOM, "return redis.call('INCR', KEYS[1])")

// memoryEvery is how often each replica asks.
const memoryEvery = 500 * time.Millisecond

type reserveKey struct{}

// WithReserve says who may use the reserve of memory with the commits under the context.
// mayUse is asked at each commit. Commits under a context without it may: they are the shop's own.
func WithReserve(ctx context.Context, mayUse func() bool) context.Context {
	return context.WithValue(ctx, reserveKey{}, mayUse)
}

// short reports whether memory is too short for what a commit under the context writes.
func (db *DB) short(ctx context.Context) bool {
	mayUse, isOutside := ctx.Value(reserveKey{}).(func() bool)
	return isOutside && db.sparesReserve() && !mayUse()
}

// sparesReserve reports whether customers' writes that make the data larger are refused.
func (db *DB) sparesReserve() bool { return db.Memory().Over(db.settings.CustomerMemoryPercent) }
