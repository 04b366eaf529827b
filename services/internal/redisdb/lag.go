package redisdb

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// lags is how old the data of each Redis node is, by the heartbeats that the
// committer writes: up to a second on a replica that misses nothing. It is asked
// for once a second, reads or no reads.
type lags struct {
	mutex sync.Mutex
	known map[string]lag
}

// lag is what a node answered last.
type lag struct {
	age time.Duration
	at  time.Time
	// since: it has not answered after that, so its data only gets older for us.
	since bool
}

// watchLags asks every node at once.
func (db *DB) watchLags(ctx context.Context) {
	var nodes sync.WaitGroup
	for _, node := range db.topology.now.Load().nodes {
		nodes.Go(func() {
			age, err := db.readNode(ctx, node, 0, func(context.Context, redis.Pipeliner) {})
			if errors.Is(err, errOld) {
				err = nil // it is its age that is asked for
			}
			db.lags.note(node, age, err)
		})
	}
	nodes.Wait()
}

func (l *lags) note(node string, age time.Duration, err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if before, known := l.known[node]; err != nil && known {
		before.since = true
		l.known[node] = before
	} else if err == nil {
		l.known[node] = lag{age: max(0, age), at: time.Now()}
	}
}

// of gives the lags of those nodes that have ever answered.
func (l *lags) of(nodes []string) map[string]time.Duration {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	found := map[string]time.Duration{}
	for _, node := range nodes {
		if last, known := l.known[node]; known {
			if found[node] = last.age; last.since {
				found[node] += time.Since(last.at)
			}
		}
	}
	return found
}
