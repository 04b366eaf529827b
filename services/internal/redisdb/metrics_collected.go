package redisdb

import "github.com/prometheus/client_golang/prometheus"

// What is not counted when it happens but looked up when Prometheus asks.
var (
	primaryInfo = prometheus.NewDesc("shop_redis_primary_info",
		"1 for the Redis node that this replica takes for the primary.", []string{"addr"}, nil)
	replicaLag = prometheus.NewDesc("shop_redis_replica_lag_seconds",
		"Age of the primary's last heartbeat on a replica, by node; it grows while the node does not answer.", []string{"node"}, nil)
	heldWrites = prometheus.NewDesc("shop_commit_held_writes",
		"Writes, and strong reads of the shop itself, that have no answer yet: waiting, in flight or held in a failover.", nil, nil)
	heldReads = prometheus.NewDesc("shop_strong_reads_held",
		"Strong reads that have no answer yet, by reader.", []string{"reader"}, nil)
	poolConns = prometheus.NewDesc("shop_redis_pool_connections",
		"Connections in the pool, by node and state.", []string{"node", "state"}, nil)
	poolTimeouts = prometheus.NewDesc("shop_redis_pool_timeouts_total",
		"Times that no connection came free in time, by node.", []string{"node"}, nil)
	poolStale = prometheus.NewDesc("shop_redis_pool_stale_connections_total",
		"Connections removed as stale, by node.", []string{"node"}, nil)
)

// collector looks at a DB.
type collector struct{ db *DB }

// Describe is part of prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{primaryInfo, replicaLag, heldWrites, heldReads, poolConns, poolTimeouts, poolStale} {
		ch <- one
	}
}

// Collect is part of prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	tell := func(what *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(what, kind, value, labels...)
	}
	now := c.db.topology.now.Load()
	if now.primary != "" {
		tell(primaryInfo, prometheus.GaugeValue, 1, now.primary)
	}
	tell(heldWrites, prometheus.GaugeValue, float64(c.db.committer.held.Load()))
	for _, r := range queued() {
		tell(heldReads, prometheus.GaugeValue, float64(c.db.committer.reads.holds(r)), r.String())
	}
	for node, lag := range c.db.lags.of(now.nodes) {
		if node != now.primary {
			tell(replicaLag, prometheus.GaugeValue, lag.Seconds(), node)
		}
	}
	for node, client := range c.db.topology.all() {
		s := client.PoolStats()
		tell(poolConns, prometheus.GaugeValue, float64(s.IdleConns), node, "idle")
		tell(poolConns, prometheus.GaugeValue, float64(s.TotalConns-s.IdleConns), node, "used")
		tell(poolTimeouts, prometheus.CounterValue, float64(s.Timeouts), node)
		tell(poolStale, prometheus.CounterValue, float64(s.StaleConns), node)
	}
}
