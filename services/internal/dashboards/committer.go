package dashboards

func edgeCommitter() []*Panel {
	return []*Panel{
		heading("Committer: how writes are acknowledged"),
		graph("Time to acknowledge a write", "From a write's submission to its answer, retries and failovers included. Normal is p50 of some ms (a sync to disk and a replica's word) and p99 under 0.1 s. Seconds: held in a failover. All slow: the disk of the primary or of both replicas.",
			"s", quantiles("shop_commit_duration_seconds_bucket")...).size(8, 8).marked("transparent", 0.25, "orange", 2, "red"),
		graph("Writes in one group", "How many writes share one sync and one WAIT. Normal is few when it is quiet and more under load; 128 is the most. Near 128 for long: the primary is at its limit.",
			"none", q(`histogram_quantile(0.95, sum by (le) (rate(shop_commit_group_size_bucket{`+every+`}[$__rate_interval])))`, "p95"),
			q(`sum(rate(shop_commit_group_size_sum{`+every+`}[$__rate_interval])) / sum(rate(shop_commit_group_size_count{`+every+`}[$__rate_interval]))`, "mean")).
			size(8, 8).marked("transparent", 128, "red"),
		graph("Writes that wait", "Waiting when the last group went out, and all that have no answer yet. Normal is under 100. Held climbs: a failover, or a primary that does not keep up; at 2,000 the next write is refused as busy.",
			"none", q(`sum by (instance) (shop_commit_queue_depth{`+every+`})`, "{{instance}} waiting"), q(`sum by (instance) (shop_commit_held_writes{`+every+`})`, "{{instance}} without an answer")).
			size(8, 8).marked("transparent", 1600, "orange", 2000, "red"),
		graph("Groups submitted again, by cause", "Normal is none; in a failover no-connection, noreplicas, promotion or not-acknowledged for some seconds. docs/metrics.md explains each. Without a failover: a replica is late, or the network fails.",
			"ops", q(only("shop_commit_retries_total", "cause"), "{{cause}}")).size(8, 8).upTo(1),
		graph("Writes answered, by outcome",
			"Normal is acknowledged alone (effects and refusals alike). unknown and unavailable are 503: no primary within the "+
				"deadline. full: memory is at its bound. refused: a customer is at a bound, and nothing was written. "+
				"busy: too many wait. failed: a defect, look into the log.",
			"ops", q(perSecond("shop_commits_total", " by (outcome)"), "{{outcome}}")).
			size(8, 8).painted("acknowledged", "green", "unknown", "red", "unavailable", "orange", "busy", "purple", "full", "dark-red", "failed", "dark-red"),
		graph("Writes acknowledged, by case; and withheld", "Normal is two-replicas. one-replica-nobody-promoted grows: a replica is missing or late, and each group costs one more look at all nodes. Withheld: ran, and was not acknowledged by the rule; normal only in a failover.",
			"ops", q(perSecond("shop_commit_acknowledged_total", " by (case)"), "{{case}}"), q(perSecond("shop_commit_withheld_total", ""), "withheld")).
			size(8, 8).painted("withheld", "red"),
		graph("Time of the write probe", "How long the one real write a second takes, by replica. Normal is some ms. It is the time a customer's write takes when nothing else is asked.",
			"s", q(`max by (instance) (shop_write_probe_duration_seconds{`+every+`})`, "{{instance}}")).size(8, 7).marked("transparent", 1, "red"),
		graph("Write probes a second, by outcome", "Normal is one success a second and replica. Failures: the shop cannot sell there; see Redis HA.",
			"ops", q(perSecond("shop_write_probes_total", " by (outcome)"), "{{outcome}}")).size(8, 7).painted("success", "green", "failure", "red"),
		stat("Writes with an unknown outcome", "Answers \"the outcome is unknown, ask again with the same key\" in the time shown. Normal is 0. If not: a failover took longer than the deadline; see Redis HA for when.",
			"none", now(`round(sum(increase(shop_commits_total{outcome="unknown", `+every+`}[$__range])))`, "unknown")).
			size(8, 7).limits("green", 1, "red").decimals(0),
	}
}

// quantiles of a histogram over all replicas.
func quantiles(buckets string) (targets []Target) {
	for _, quantile := range [][2]string{{"0.5", "p50"}, {"0.95", "p95"}, {"0.99", "p99"}} {
		targets = append(targets, q(`histogram_quantile(`+quantile[0]+`, sum by (le) (rate(`+buckets+`{`+every+`}[$__rate_interval])))`, quantile[1]))
	}
	return targets
}

func edgePools() []*Panel {
	return []*Panel{
		heading("Reads, and connections to Redis"),
		graph("Connections in use, by node", "Of all replicas' pools. Normal is few: reads share pipelines. Many used at one node: it is slow.",
			"none", q(`sum by (node) (shop_redis_pool_connections{state="used", `+every+`})`, "{{node}} used"), q(`sum by (node) (shop_redis_pool_connections{state="idle", `+every+`})`, "{{node}} idle")).size(12, 7),
		graph("Time-outs and stale connections of the pools", "Times that no connection came free in time, and connections that were removed. Normal is 0, and some stale ones when a node goes. Time-outs: the node is too slow for the load.",
			"ops", q(perSecond("shop_redis_pool_timeouts_total", " by (node)"), "{{node}} timed out"), q(perSecond("shop_redis_pool_stale_connections_total", " by (node)"), "{{node}} stale")).size(12, 7),
		graph("Reads a second, by who answered", "Normal is replica, and primary for those who read what they have just written. stale: there was no primary, and the freshest replica answered, saying its age. nobody: 503.",
			"ops", q(perSecond("shop_reads_total", " by (source)"), "{{source}}")).size(12, 7).stacked().painted("replica", "green", "primary", "blue", "group", "purple", "stale", "orange", "nobody", "red"),
		graph("Reads that passed a node over, by reason", "Normal is none, and behind for those who read what they have just written. old: the node's data was over 2 s old; empty: it has restarted; others: it could not be reached.",
			"ops", q(only("shop_read_passed_over_total", "reason"), "{{reason}}")).size(12, 7).upTo(1),
	}
}

func edgeRuntime() []*Panel {
	return []*Panel{
		heading("The API's processes"),
		graph("Processor, by replica", "Cores that each replica uses. Normal is far under what the host has. At the host's limit: more replicas help only on more cores.",
			"none", q(`rate(process_cpu_seconds_total{`+replica+`}[$__rate_interval])`, "{{instance}}")).size(8, 7),
		graph("Memory, by replica", "Resident memory. Normal is under 100 MiB (GOMEMLIMIT); a container ends at 128 MiB. It climbs for hours: a leak; keep a heap profile.",
			"bytes", q(`process_resident_memory_bytes{`+replica+`}`, "{{instance}} resident"), q(`go_memstats_heap_inuse_bytes{`+replica+`}`, "{{instance}} heap")).
			size(8, 7).marked("transparent", 115000000, "red"),
		graph("Goroutines, by replica", "Normal is some tens to some hundreds, with the load. It climbs and stays when the load is gone: something hangs.",
			"none", q(`go_goroutines{`+replica+`}`, "{{instance}}")).size(8, 7),
		graph("Pauses of the garbage collector", "The longest of the last collections. Normal is under 1 ms. Longer: the host is short of processor.",
			"s", q(`max by (instance) (go_gc_duration_seconds{quantile=~"1|1.0", `+replica+`})`, "{{instance}}")).size(8, 7).marked("transparent", 0.05, "orange"),
		graph("Open files, by replica", "Sockets and files. Normal is far under the bound. Near it: connections are not closed, or there are too many clients.",
			"percentunit", q(`process_open_fds{`+replica+`} / process_max_fds{`+replica+`}`, "{{instance}}")).size(8, 7).atMost(1).marked("transparent", 0.8, "red"),
		table("What is running", "Version and revision of each replica. Normal is the same for all. Two versions: an upgrade is on its way, or was left half done (docs/upgrades.md).",
			"none", rows(`shop_build_info{`+every+`}`)).size(8, 7).
			organized([]string{"Time", "__name__", "job", "Value", "branch", "goarch", "goos", "tags"},
				map[string]string{"instance": "Replica", "version": "Version", "revision": "Revision", "goversion": "Go"}),
		table("Settings that have a default unfit for the public", "Normal is that each is your own. The example's: set it in .env before others can reach the shop (docs/security.md).",
			"none", rows(`max by (setting) (shop_config_default{`+every+`})`)).size(24, 6).says(0, "your own", "green", 1, "the example's", "red").
			organized([]string{"Time"}, map[string]string{"setting": "Setting", "Value": "Its value is"}).
			override("byName", "Its value is", object{"id": "custom.cellOptions", "value": object{"type": "color-text"}}),
	}
}

func edgeLogs() []*Panel {
	lines := Target{Datasource: logs, Expr: `{service=~".+"} |= "$request"`, QueryType: "range", EditorMode: "code", Range: true}
	p := newPanel("logs", "Log lines of one request",
		"What nginx and the API say of the request whose id stands at the top (of all, as long as none does); a dot in a graph of times leads here. Only where logs run (profile logs); natively: make logs REQ=<id>. Normal is one line of each on its way. No line of the API: it did not get there.",
		"none", []Target{lines})
	p.Datasource = &logs
	p.Options = object{
		"showTime": true, "showLabels": false, "showCommonLabels": false, "showLogContextToggle": false, "wrapLogMessage": true, "prettifyLogMessage": false,
		"enableLogDetails": true, "dedupStrategy": "none", "sortOrder": "Ascending",
	}
	return []*Panel{heading("One request's way"), p.size(24, 9)}
}
