package redisdb

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// The acknowledgement rule. A write is told to the client only when replicas
// hold it, synced to disk; which replicas is decided here.
//
// WAIT counts the replicas that have everything this connection wrote. We ask
// for all that the primary reports online with a lag of at most 1 s, at least
// one and at most two: then whichever of them is promoted has the write. With
// fewer acknowledgements than asked for, the outcome is unknown: the count is
// taken anew and the write submitted again under its request id, which does
// nothing twice.
//
// What this first form does not cover: a primary that was frozen or cut off
// while a replica was promoted, and that still owns the other one for about a
// second. docs/failures.md says so; the second case of the rule closes it.

// waitTimeout is how long one WAIT may take; a replica that needs longer is
// not counted on.
const waitTimeout = 500 * time.Millisecond

// The bounds of how many replicas a commit waits for.
const (
	leastReplicas = 1
	mostReplicas  = 2
)

// maxLag is the greatest lag, in seconds, of a replica that is waited for.
const maxLag = 1

// refresh counts the replicas that the primary can rely on now.
func (db *DB) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	info, err := db.primary.Info(ctx, "replication").Result()
	if err != nil {
		return // no primary: the commits find that out by themselves
	}
	db.replicas.Store(int64(min(max(onlineReplicas(info), leastReplicas), mostReplicas)))
}

// onlineReplicas counts the lines such as
// slave0:ip=127.20.0.6,port=6379,state=online,offset=1234,lag=0.
func onlineReplicas(info string) int {
	count := 0
	for _, line := range strings.Split(info, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if !strings.HasPrefix(name, "slave") || !strings.Contains(value, "state=online") {
			continue
		}
		_, lag, found := strings.Cut(value, "lag=")
		if seconds, err := strconv.Atoi(lag); found && err == nil && seconds <= maxLag {
			count++
		}
	}
	return count
}
