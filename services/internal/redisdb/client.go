// Package redisdb is the only one that speaks to Redis. It knows who is
// primary, commits writes so that an answer means "kept", and reads from
// replicas. What the keys mean is the domains' affair; how they are called
// stands in keys.go.
package redisdb

import (
	"context"
	"errors"
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
	dialTimeout  = 500 * time.Millisecond
	writeTimeout = 1500 * time.Millisecond // script, fsync and a WAIT of waitTimeout
	readTimeout  = 800 * time.Millisecond
)

// Pool sizes: connections to the primary for writes, and for reads.
const (
	writePool = 32
	readPool  = 32
)

// Settings are what a DB needs to know.
type Settings struct {
	MasterName string
	Sentinels  []string // host:port
	Password   string
	// Deadline bounds a commit, retries and failover included.
	Deadline time.Duration
	// Replica names this API replica among those that share the load.
	Replica string
}

// DB is the shop's connection to Redis.
type DB struct {
	settings Settings
	log      *slog.Logger
	metrics  *metrics

	writer  *redis.Client // to the primary; commits only
	primary *redis.Client // to the primary; reads, and writes that need no acknowledgement
	replica *redis.Client // to the replicas, or the primary when there is none

	slots    chan struct{} // one for each connection of writer's pool
	replicas atomic.Int64  // how many replicas a commit waits for
	peers    atomic.Int64  // how many API replicas share the load

	stop context.CancelFunc
	done sync.WaitGroup
}

// New makes a DB; it connects at the first use. Start keeps it informed.
func New(s Settings, registry prometheus.Registerer, log *slog.Logger) *DB {
	redis.SetLogger(driverLog{log}) // the driver knows only one logger per process
	db := &DB{
		settings: s, log: log,
		writer:  redis.NewFailoverClient(options(s, writePool, writeTimeout, -1, false)),
		primary: redis.NewFailoverClient(options(s, readPool, readTimeout, 1, false)),
		replica: redis.NewFailoverClient(options(s, readPool, readTimeout, 2, true)),
		slots:   make(chan struct{}, writePool),
	}
	db.replicas.Store(1)
	db.peers.Store(1)
	db.metrics = newMetrics(registry, map[string]*redis.Client{
		"commit": db.writer, "primary": db.primary, "replica": db.replica,
	})
	return db
}

// options: retries is -1 for commits, whose retries are the committer's own and
// never the driver's: it would send a script again without knowing what it does.
func options(s Settings, pool int, timeout time.Duration, retries int, replicas bool) *redis.FailoverOptions {
	return &redis.FailoverOptions{
		MasterName: s.MasterName, SentinelAddrs: s.Sentinels, SentinelPassword: s.Password, Password: s.Password,
		ReplicaOnly: replicas, MaxRetries: retries,
		DialTimeout: dialTimeout, DialerRetries: 1, ReadTimeout: timeout, WriteTimeout: timeout, PoolTimeout: timeout,
		ContextTimeoutEnabled: true, PoolSize: pool, MaxActiveConns: pool + 8, PipelinePoolSize: -1,
		// Connections to replicas are chosen when they are made: without an end to
		// their life a replica that comes back would stay idle for ever.
		ConnMaxLifetime: time.Minute,
	}
}

// driverLog takes what the driver would print: who it holds for primary, and
// which Sentinel did not answer. It is for the one who looks closely.
type driverLog struct{ log *slog.Logger }

// Printf is part of the driver's interface for loggers.
func (d driverLog) Printf(ctx context.Context, format string, args ...any) {
	d.log.DebugContext(ctx, fmt.Sprintf(format, args...))
}

// Start begins to watch the topology; it does not wait for Redis to be there.
func (db *DB) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	db.stop = cancel
	db.done.Add(1)
	go func() {
		defer db.done.Done()
		db.watch(ctx)
	}()
}

// Stop ends the watching, takes this replica off the list of those that share
// the load, and closes all connections. It may be called more than once.
func (db *DB) Stop() error {
	if db.stop == nil {
		return nil
	}
	db.stop()
	db.done.Wait()
	db.stop = nil
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	_ = db.primary.ZRem(ctx, KeyReplicas(), db.settings.Replica).Err()
	return errors.Join(db.writer.Close(), db.primary.Close(), db.replica.Close())
}

// watch refreshes once a second what a commit has to know about the topology.
func (db *DB) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		db.refresh(ctx)
		db.signLife(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Ping asks Redis for a sign of life, replicas first: the shop can still show
// its products without a primary.
func (db *DB) Ping(ctx context.Context) error {
	return db.read(ctx, func(c *redis.Client) error { return c.Ping(ctx).Err() })
}

// CheckSchema writes the layout's version into an empty data set and refuses a
// data set of another one.
func (db *DB) CheckSchema(ctx context.Context) error {
	if err := db.primary.SetNX(ctx, KeySchema(), SchemaVersion, 0).Err(); err != nil {
		return err
	}
	version, err := db.primary.Get(ctx, KeySchema()).Int()
	if err == nil && version != SchemaVersion {
		return fmt.Errorf("the data has layout %d, this program knows %d", version, SchemaVersion)
	}
	return err
}
