package redisdb

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The bound of connections. A Redis node takes maxclients connections and refuses
// the next one: by default 10,000, but fewer where the process may open fewer
// files, and Redis says so only in its log. Refused is whoever comes next, a
// Sentinel or a replica as well as an API replica; so it must not come to that.
//
// What is needed of one node is a true upper bound. An API replica has one pool per
// node for all that it does there, the committer's own connection included, and the
// driver lends out no more than nodePool connections of it, those that it is still
// dialling included: a test counts them at the node. docs/scaling.md has the sums.
const (
	// otherConnections are everybody else's at one node: its replicas 4, the
	// Sentinels 6, start scripts and health checks 7, the exporter 2, and people and
	// `make status` 13.
	otherConnections = 32
	// checkConnectionsEvery is how often Redis is asked for its bound, besides at the
	// start and at each change of the primary: a node may have started again with
	// another one.
	checkConnectionsEvery = time.Minute
)

// connections compares what the API replicas may open with what Redis takes.
type connections struct {
	db   *DB
	log  *slog.Logger
	most *prometheus.GaugeVec
	told warning // the last that was logged, so that it is logged once
}

// warning is what there is to say of the bound; the zero warning is that all fits.
type warning struct {
	level        slog.Level
	needed, most int64
	node         string
}

func newConnections(db *DB, registry prometheus.Registerer, log *slog.Logger) *connections {
	c := &connections{db: db, log: log, most: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "shop_redis_connections_max", Help: "Connections that a Redis node takes (maxclients), by node.",
	}, []string{"node"})}
	registry.MustRegister(c.most, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "shop_redis_connections_needed",
		Help: "Connections that all API replicas and everybody else may open to one Redis node.",
	}, func() float64 { return float64(c.needed()) }))
	return c
}

// needed counts the replicas that are meant to run, or those that do if they are more.
func (c *connections) needed() int64 {
	return int64(max(c.db.settings.Replicas, c.db.Replicas())*nodePool + otherConnections)
}

// watch checks until ctx ends.
func (c *connections) watch(ctx context.Context) {
	for ctx.Err() == nil {
		next := c.db.topology.nextPrimary()
		c.check(ctx)
		select {
		case <-ctx.Done():
		case <-next:
		case <-time.After(checkConnectionsEvery):
		}
	}
}

// check asks every node for its bound and warns of the smallest, if need be.
func (c *connections) check(ctx context.Context) {
	w := warning{needed: c.needed()}
	for _, node := range c.db.topology.now.Load().nodes {
		most := c.maxOf(ctx, node)
		if most == 0 {
			continue
		}
		c.most.WithLabelValues(node).Set(float64(most))
		if w.most == 0 || most < w.most {
			w.most, w.node = most, node
		}
	}
	if w.most > 0 {
		c.tell(w)
	}
}

// maxOf reads a node's maxclients; 0 when it does not say.
func (c *connections) maxOf(ctx context.Context, node string) int64 {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	info, err := c.db.topology.client(node).Info(ctx, "clients").Result()
	if err != nil {
		return 0
	}
	return integer(infoFields(info)["maxclients"])
}

// tell logs what has changed: too few, or so few that 80 % are spoken for.
func (c *connections) tell(w warning) {
	text := ""
	switch {
	case w.needed > w.most:
		w.level = slog.LevelWarn
		text = "Redis takes fewer connections than the API replicas may open, and will refuse some"
	case w.needed*10 > w.most*8:
		w.level = slog.LevelInfo
		text = "Redis takes hardly more connections than the API replicas may open"
	default:
		w = warning{}
	}
	if w == c.told {
		return
	}
	if c.told = w; text == "" {
		c.log.Info("Redis takes all connections that the API replicas may open")
		return
	}
	c.log.Log(context.Background(), w.level, text, "needed", w.needed, "maxclients", w.most, "node", w.node,
		"advice", "raise maxclients (redis.conf) and how many files Redis may open (ulimit -n), or lower API_REPLICAS")
}
