package redisdb

import (
	"context"
	"time"
)

// The write prober: the truth about "can we sell now". The heartbeat is a real
// write, once a second, that goes the way of every other one: through the
// committer, to the primary, and is done once the acknowledgement rule holds for
// it. So it is the probe as well, and costs nothing more. What a purchase needs
// besides, the heartbeat needs too: a primary that takes writes, memory, a
// replica that syncs them, and room among the writes that are held.

// probeDeadline is far shorter than a purchase's: a purchase waits for the end of
// a failover, the probe says that there is one.
const probeDeadline = time.Second

// probe writes a heartbeat and notes what became of it.
func (db *DB) probe(ctx context.Context) {
	start := time.Now()
	err := db.beat(ctx, start.Add(probeDeadline))
	if ctx.Err() != nil {
		return // we are being stopped; that says nothing of Redis
	}
	db.metrics.probed(err, time.Since(start))
	if sells := err == nil; sells != db.sells {
		db.sells = sells
		if sells {
			db.log.Info("writes are acknowledged")
		} else {
			db.log.Warn("a write was not acknowledged within a second; writes wait", "error", err)
		}
	}
}
