package dashboards

const (
	node     = `job="redis", ` + every
	sentinel = `job="sentinel", ` + every
)

// redisHA is about the primary, its replicas, and the Sentinels.
func redisHA() Dashboard {
	panels := redisFirst()
	panels = append(panels, redisRoles()...)
	panels = append(panels, redisReplication()...)
	panels = append(panels, redisStorage()...)
	panels = append(panels, redisWork()...)
	return newDashboard("redis-ha", "Redis HA",
		"The primary, its replicas and the Sentinels: who is what, who lags, whether a failover would work, and what is kept on disk.",
		"redis|sentinel|api", panels...)
}

func redisFirst() []*Panel {
	return []*Panel{
		stat("Primary", "The node that says it is primary. Normal is one name. None: nobody can buy; see the Sentinels here, and docs/runbook. Two: a former primary has come back; Sentinel makes it a replica within about 10 s.",
			"none", now(`max by (instance) (redis_instance_info{role="master", `+node+`})`, "{{instance}}")).
			size(4, 4).limits("red", 1, "blue").option("textMode", "name").none("NONE"),
		stat("Address, say the Sentinels", "Where clients are sent. Normal is one address, the same as the API's. Two: the Sentinels have not all heard of a failover yet; that takes about a second.",
			"none", now(`count by (master_address) (redis_sentinel_master_status{`+sentinel+`})`, "{{master_address}}")).
			size(5, 4).limits("red", 1, "blue").option("textMode", "name").none("NONE"),
		stat("Address, says the API", "Where the API replicas write. Normal is one address, the same as the Sentinels'. Two: a replica has not followed yet; if it stays, look into that replica's log. None: no replica knows a primary.",
			"none", now(`count by (addr) (shop_redis_primary_info{`+every+`})`, "{{addr}}")).
			size(5, 4).limits("red", 1, "blue").option("textMode", "name").none("NONE"),
		stat("Quorum", "Whether the Sentinels that reach each other are enough to agree on a failover and to carry it out, by the word of each; the worst counts. Normal is YES. NO: a dead primary would stay dead; start the missing Sentinels now.",
			"none", now(`min(redis_sentinel_master_ckquorum_status{`+sentinel+`})`, "quorum")).
			size(3, 4).limits("red", 1, "green").says(0, "NO", "red", 1, "YES", "green").none("no Sentinel"),
		stat("Failovers", "Changes of the primary in the time shown, as the API replicas have seen them. Normal is 0, or 1 for each planned handover or upgrade. More: look at the roles below for which node goes, and into its log for why.",
			"none", now(`round(max(increase(shop_redis_failovers_total{`+every+`}[$__range])))`, "failovers")).
			size(3, 4).limits("green", 1, "orange", 3, "red").decimals(0).none("API down"),
		stat("Evicted keys", "Keys that Redis has dropped for want of memory in the time shown. It must be 0: the shop's data is all there is (noeviction). If not, somebody has changed maxmemory-policy: put it back, and find out what is missing.",
			"none", now(`sum(increase(redis_evicted_keys_total{`+node+`}[$__range]))`, "evicted")).
			size(4, 4).limits("green", 1, "red").decimals(0).none("no node"),
	}
}

func redisRoles() []*Panel {
	return []*Panel{
		timeline("Role of each node",
			"Blue is the primary, green a replica, red a node that does not answer. Normal is one blue bar and two green ones. A change of blue is a failover (red line); a bar that stays red: start that node, and read its log for what it waits for (docs/runbook/redis-waits.md).",
			q(`max by (instance) (2 * redis_instance_info{role="master", `+node+`} or redis_instance_info{role="slave", `+node+`} or 0 * up{`+node+`})`, "{{instance}}")).
			size(12, 7).limits("red", 1, "green", 2, "blue").says(0, "down", "red", 1, "replica", "green", 2, "PRIMARY", "blue"),
		graph("How many Sentinels name an address as primary",
			"Each line is an address. Normal is one line at 3. After a failover the new one climbs to 3 and the old one ends. Two lines that stay: Sentinels that cannot reach each other.",
			"none", q(`count by (master_address) (redis_sentinel_master_status{`+sentinel+`})`, "{{master_address}}")).
			size(12, 7).atMost(4).decimals(0),
		timeline("What each Sentinel says of the primary",
			"Green: it answers the Sentinel. Red: it does not (subjectively or objectively down). Normal is green. All red: a failover is on its way, within down-after (2 s) and about 2 s more; if it stays, quorum or replicas are missing.",
			q(`max by (instance) (redis_sentinel_master_status{master_status="ok", `+sentinel+`} or 0 * redis_sentinel_master_status{master_status!="ok", `+sentinel+`})`, "{{instance}}")).
			size(8, 6).limits("red", 1, "green").says(0, "down", "red", 1, "answers", "green"),
		graph("Sentinels in order, as each one counts",
			"How many Sentinels, itself included, each one knows that are not down. Normal is 3 everywhere. At 2 failover still works, under 2 it does not: start the missing one.",
			"none", q(`max by (instance) (redis_sentinel_master_ok_sentinels{`+sentinel+`})`, "{{instance}}")).
			size(8, 6).marked("red", 2, "orange", 3, "green").atMost(4).decimals(0),
		graph("Replicas in order, as each Sentinel counts",
			"How many replicas each Sentinel knows that are not down: those it could promote. Normal is 2 everywhere, 1 for some seconds after a failover. At 0 nobody can be promoted: start a replica.",
			"none", q(`max by (instance) (redis_sentinel_master_ok_slaves{`+sentinel+`})`, "{{instance}}")).
			size(8, 6).marked("red", 1, "orange", 2, "green").atMost(3).decimals(0),
	}
}

func redisReplication() []*Panel {
	return []*Panel{
		heading("Replication"),
		graph("Lag of each replica, in bytes",
			"What the primary has written and the replica has not confirmed. Normal is under 100 kB, more for a moment under load. It climbs steadily: the replica is frozen, too slow, or cut off; writes go on with the other one.",
			"bytes", q(`max by (slave_ip) (redis_master_repl_offset{`+node+`} - on (instance) group_right () redis_connected_slave_offset_bytes{`+node+`})`, "{{slave_ip}}")).
			size(8, 8).marked("transparent", 1000000, "red"),
		graph("Lag of each replica, in seconds, by the primary",
			"How long ago the replica has last confirmed anything to its primary. Normal is 0 or 1. From 2 on it does not count for min-replicas, and over the bound the alert mails; look at that replica.",
			"s", q(`max by (slave_ip) (redis_connected_slave_lag_seconds{`+node+`})`, "{{slave_ip}}")).
			size(8, 8).marked("transparent", 2, "red"),
		graph("Lag of each replica, in seconds, by the API",
			"How old the primary's heartbeat is on each node, as the API reads it: what a customer could see of age. Normal is under 1.5 s (a heartbeat a second). Over 2 s reads no longer go there.",
			"s", q(`max by (node) (shop_redis_replica_lag_seconds{`+every+`})`, "{{node}}")).
			size(8, 8).marked("transparent", 2, "red"),
		timeline("Link of each replica to its primary",
			"Green: it gets what the primary writes. Normal is two green bars (a primary has none). Red for a second or two in a failover; longer: the replica cannot reach its primary, or is loading a full copy.",
			q(`min by (instance) (redis_master_link_up{`+node+`})`, "{{instance}}")).
			size(8, 7).limits("red", 1, "green").says(0, "down", "red", 1, "up", "green"),
		graph("Replicas that the primary feeds",
			"How many replicas are connected to each node. Normal is 2 at the primary, 0 at the others. At 1 nothing may fail any more; at 0 the primary takes no writes (min-replicas-to-write 1).",
			"none", q(`redis_connected_slaves{`+node+`}`, "{{instance}}")).
			size(8, 7).marked("transparent", 2, "green").atMost(3).decimals(0),
		graph("Full and partial copies, a minute",
			"How replicas that came back caught up: with what they had missed (partial), or with everything (full). Normal is 0, and one partial copy per replica at a failover. Full ones again and again: the backlog is too short, or a replica cannot keep up.",
			"cpm", q(`60 * sum by (instance) (rate(redis_replica_resyncs_full{`+node+`}[$__rate_interval]))`, "{{instance}} full"),
			q(`60 * sum by (instance) (rate(redis_replica_partial_resync_accepted{`+node+`}[$__rate_interval]))`, "{{instance}} partial")).
			size(8, 7),
	}
}

func redisStorage() []*Panel {
	return []*Panel{
		heading("Disk and memory"),
		timeline("State of the append-only file",
			"Whether the last write to it, and its last rewrite, went well. Normal is green. A failed write: the disk is full or broken, and Redis exits at once rather than lose anything; make room. A failed rewrite: the file only grows; make room, too.",
			q(`redis_aof_last_write_status{`+node+`}`, "{{instance}} write"), q(`redis_aof_last_bgrewrite_status{`+node+`}`, "{{instance}} rewrite")).
			size(8, 8).limits("red", 1, "green").says(0, "FAILED", "red", 1, "ok", "green"),
		timeline("State of the last snapshot (RDB)",
			"Whether the last snapshot could be written. Normal is green. Red: the disk is full, or there was no memory for the copy; what is acknowledged is safe in the append-only file.",
			q(`redis_rdb_last_bgsave_status{`+node+`}`, "{{instance}}")).
			size(8, 8).limits("red", 1, "green").says(0, "FAILED", "red", 1, "ok", "green"),
		graph("Age of the last snapshot",
			"Time since each node wrote its last snapshot. Normal is under 84 minutes while the shop sells; an idle shop has nothing to save. It grows and grows: see the state beside. The append-only file has no age: each write is in it before it is acknowledged.",
			"s", q(`time() - redis_rdb_last_save_timestamp_seconds{`+node+`}`, "{{instance}}")).
			size(8, 8).marked("transparent", 86400, "orange"),
		graph("Size of the append-only file",
			"Bytes on disk of each node. Normal is a saw: it grows and is rewritten at twice its size. It only grows: rewrites fail.",
			"bytes", q(`redis_aof_current_size_bytes{`+node+`}`, "{{instance}}")).size(8, 7),
		graph("Share of its memory bound that each node uses",
			"Used memory by maxmemory. Normal is under 80 %. At 100 % writes are refused, and nothing is dropped: raise REDIS_MAXMEMORY (and the container's bound), or remove what is not needed.",
			"percentunit", q(`redis_memory_used_bytes{`+node+`} / (redis_memory_max_bytes{`+node+`} > 0)`, "{{instance}}")).
			size(8, 7).atMost(1).marked("transparent", 0.8, "orange", 0.95, "red"),
		graph("Memory of each node",
			"What the data takes (used), and what the process has from the system (resident). Normal is resident a little over used. Far over: fragmentation, or the copy for a snapshot under many writes.",
			"bytes", q(`redis_memory_used_bytes{`+node+`}`, "{{instance}} used"), q(`redis_memory_used_rss_bytes{`+node+`}`, "{{instance}} resident")).
			size(8, 7),
	}
}

func redisWork() []*Panel {
	return []*Panel{
		heading("Commands and clients"),
		graph("Commands a second, by node",
			"All that each node does. Normal is that the replicas do about as much as the primary: they serve reads and repeat its writes. One at nothing: nobody reaches it.",
			"ops", q(`rate(redis_commands_processed_total{`+node+`}[$__rate_interval])`, "{{instance}}")).size(8, 8),
		graph("Busiest commands",
			"The ten commands that take most of the nodes' time. Normal is that evalsha, hmget and their like lead. A command that you do not expect: somebody is at the shop's data; see ACL LOG.",
			"percentunit", q(`topk(10, sum by (cmd) (rate(redis_commands_duration_seconds_total{`+node+`}[$__rate_interval])))`, "{{cmd}}")).size(8, 8),
		graph("Slow commands",
			"Entries in each node's slow log (over 10 ms; it keeps the last 128). Normal is that it hardly grows. It grows fast: SLOWLOG GET on that node says which command, mostly the disk's or the host's fault.",
			"none", q(`redis_slowlog_length{`+node+`}`, "{{instance}} entries")).size(8, 8).decimals(0),
		graph("Time of the last slow command",
			"How long the newest entry of each node's slow log took. Normal is nothing, or some 10 ms. Seconds: a big command or a stalled disk held everybody up.",
			"s", q(`redis_last_slow_execution_duration_seconds{`+node+`}`, "{{instance}}")).size(8, 8).marked("transparent", 0.5, "red"),
		graph("Clients of each node, and the bound",
			"Open connections, on a logarithmic axis, against the least that a node takes (maxclients) and what all API replicas together may need. Normal is far under both, and needed under the bound. Near it: fewer API replicas or a higher bound (docs/scaling.md).",
			"none", q(`redis_connected_clients{`+node+`}`, "{{instance}}"),
			q(`min(shop_redis_connections_max{`+every+`})`, "bound"), q(`max(shop_redis_connections_needed{`+every+`})`, "may be needed")).
			size(8, 8).painted("^bound$", "red", "^may be needed$", "orange").decimals(0).byMagnitude(),
		graph("Connections refused, keys expired",
			"Connections that a node has refused for want of room: normal is 0, otherwise see the bound beside. Keys that ended by their own time (sessions, remembered requests): normal is your shop's own rhythm.",
			"ops", q(`sum by (instance) (rate(redis_rejected_connections_total{`+node+`}[$__rate_interval]))`, "{{instance}} refused"),
			q(`sum by (instance) (rate(redis_expired_keys_total{`+node+`}[$__rate_interval]))`, "{{instance}} expired")).size(8, 8).painted("refused", "red"),
		table("Versions and roles", "What each node runs, and as what. Normal is one version, noeviction everywhere, and one master. After an upgrade that is not so: a node was left out.",
			"none", rows(`redis_instance_info{`+node+`}`)).size(24, 5).
			organized([]string{"Time", "__name__", "job", "Value", "os", "process_id", "redis_build_id", "tcp_port"},
				map[string]string{"instance": "Node", "role": "Role", "redis_version": "Version", "maxmemory_policy": "When memory is full", "redis_mode": "Mode", "run_id": "Run"}),
	}
}
