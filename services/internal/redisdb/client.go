// Package redisdb is the only one that speaks to Redis. It knows who is
// primary, commits writes so that an answer means "kept", and reads from
// replicas without being fooled by one that is behind. What the keys mean is the
// domains' affair; how they are called stands in keys.go.
package redisdb

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Time-outs of single exchanges. They are far shorter than the driver's own
// (5 s), because a write has 10 s for everything, failover included.
const (
	dialTimeout     = 300 * time.Millisecond
	exchangeTimeout = 1500 * time.Millisecond // a group: scripts, fsync, and a WAIT of waitTimeout
	readTimeout     = 400 * time.Millisecond  // one read of one node, before another is asked
)

// nodePool is how many connections one API replica holds to one node at most; see
// connections.go for the sum of all replicas.
const nodePool = 48

// Settings are what a DB needs to know.
type Settings struct {
	MasterName string
	Sentinels  []string // host:port
	// User and Password are for the Redis nodes, the other pair for the Sentinels;
	// an empty user is Redis's default user.
	User, Password                 string
	SentinelUser, SentinelPassword string
	// Deadline bounds a commit, retries and failover included.
	Deadline time.Duration
	// Replica names this API replica among those that share the load.
	Replica string
	// Replicas is how many of them are meant to run.
	Replicas int
	// FirstLayout is the layout that an empty data set begins with; 0 is Layout.
	FirstLayout int
	// CustomerMemoryPercent is the share of maxmemory above which customers' writes that make
	// the data larger are refused; 0 means 100, so that there is no reserve for admins.
	CustomerMemoryPercent int
	// Unlisted leaves this program out of the replicas that share the load, and has it
	// write nothing by itself: for one that only commits now and then.
	Unlisted bool
	// Unmetered leaves all metrics out; nothing that ships does.
	Unmetered bool
}

// DB is the shop's connection to Redis.
type DB struct {
	settings  Settings
	log       *slog.Logger
	metrics   *metrics
	topology  *topology
	committer *committer
	bound     *connections

	peers     atomic.Int64 // how many API replicas share the load
	turnToEnd atomic.Int64 // how many of them end before this one after a restore
	layout    atomic.Int64 // of the data, as far as this replica knows; 0 until it does
	memory    atomic.Pointer[Memory]
	// history is the id of the data's history, nil until it is known; see history.go.
	history   atomic.Pointer[string]
	restoring atomic.Bool // the primary has the mark of a restore
	hasEnded  atomic.Bool // the primary has data of another history
	ended     chan struct{}
	// changed is when this replica saw the layout change, nil if it never did.
	changed atomic.Pointer[time.Time]
	turn    atomic.Uint64 // which replica reads next
	// confirming has a place for each question about absence at the primary; undecided
	// counts the reads that wait for a primary to decide one.
	confirming chan struct{}
	undecided  atomic.Int64
	penalties  sync.Map // node → time until which it is asked last
	lags       lags
	sells      bool // the last probe succeeded; it belongs to the prober alone

	started bool
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// New makes a DB; it connects at the first use. Start keeps it informed.
func New(s Settings, registry prometheus.Registerer, log *slog.Logger) *DB {
	redis.SetLogger(driverLog{log}) // the driver knows only one logger per process
	s.CustomerMemoryPercent = reserving(cmp.Or(s.CustomerMemoryPercent, 100))
	db := &DB{settings: s, log: log, lags: lags{known: map[string]lag{}}, confirming: make(chan struct{}, mostConfirming), ended: make(chan struct{})}
	db.topology = newTopology(s, log, func() { db.metrics.failover() })
	if s.Unmetered {
		registry = prometheus.NewRegistry() // that nobody asks
	} else {
		db.metrics = newMetrics(registry)
		registry.MustRegister(collector{db})
	}
	db.committer = newCommitter(db.topology, db.metrics, log)
	db.bound = newConnections(db, registry, log)
	db.peers.Store(1)
	return db
}

// driverLog takes what the driver would print, for the one who looks closely.
type driverLog struct{ log *slog.Logger }

// Printf is part of the driver's interface for loggers.
func (d driverLog) Printf(ctx context.Context, format string, args ...any) {
	d.log.DebugContext(ctx, fmt.Sprintf(format, args...))
}

// Start begins to watch the topology, to commit and to beat; it does not wait
// for Redis to be there. It has an effect once.
func (db *DB) Start() {
	if db.started {
		return
	}
	db.started = true
	ctx, cancel := context.WithCancel(context.Background())
	db.stop = cancel
	db.done.Go(func() { db.topology.watch(ctx) })
	db.done.Go(func() { db.committer.run(ctx) })
	if db.settings.Unlisted {
		return
	}
	db.done.Go(func() { db.bound.watch(ctx) })
	db.done.Go(func() { every(ctx, time.Second, db.probe) })
	if db.metrics != nil {
		db.done.Go(func() { every(ctx, time.Second, db.watchLags) })
	}
	db.done.Go(func() { every(ctx, time.Second, db.signLife) })
	db.done.Go(func() { every(ctx, memoryEvery, db.measureMemory) })
}

// Stop ends all of it, takes this replica off the list of those that share the
// load, and closes all connections. Writes that are still held are given up. It
// may be called more than once.
func (db *DB) Stop() error {
	if db.stop == nil {
		return nil
	}
	db.stop()
	db.done.Wait()
	db.stop = nil
	if primary := db.topology.primary(); primary != nil && !db.settings.Unlisted {
		ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
		defer cancel()
		_ = primary.ZRem(ctx, KeyReplicas(), db.settings.Replica).Err()
	}
	db.topology.close()
	return nil
}

// every calls do at once and then again each period, until ctx ends.
func every(ctx context.Context, period time.Duration, do func(context.Context)) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for ctx.Err() == nil {
		do(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// Ping asks Redis for a sign of life: the shop can still show its products
// without a primary.
func (db *DB) Ping(ctx context.Context) error {
	return db.read(ctx, func(ctx context.Context, pipe redis.Pipeliner) { pipe.Ping(ctx) })
}
