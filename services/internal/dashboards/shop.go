package dashboards

// What a write and a read are, as the recording rules have it.
const (
	writes = `method=~"POST|PUT|PATCH|DELETE"`
	reads  = `method="GET"`
)

// shop is the home page: does the shop sell, who is primary, is anything wrong, and where.
func shop() Dashboard {
	panels := shopFirst()
	panels = append(panels, shopHealth()...)
	panels = append(panels, shopWhen()...)
	panels = append(panels, shopSales()...)
	panels = append(panels, shopReserved()...)
	panels = append(panels, shopObjectives()...)
	panels = append(panels, shopTraffic()...)
	return newDashboard("shop", "Shop", "Whether the shop sells, who is primary, whether anything is wrong, and where. Green is well; a click on a part's state leads to its own page.",
		"api|redis|sentinel|nginx|node|prometheus|alertmanager|redis-exporter|loki|collector", panels...)
}

// shopFirst is what is seen in the first second.
func shopFirst() []*Panel {
	return []*Panel{
		stat("Can the shop sell?",
			"Each API replica makes one real write a second, through the same way as a purchase, to the primary and at least one replica. Normal is YES. PARTLY: some replicas fail, so some customers wait or are refused; see which below. NO: nobody can buy. A failover makes it NO for about 4 s; if it stays, see Redis HA, and docs/runbook.",
			"none", now(`avg(shop_write_probe_success{`+every+`}) or vector(0)`, "can sell")).
			size(5, 5).limits("red", 0.01, "orange", 1, "green").says(0, "NO", "red", 1, "YES", "green").saysBetween(0.01, 0.99, "PARTLY", "orange").
			opens("Open Redis HA", "redis-ha"),
		stat("Primary",
			"The Redis node that takes the writes, by its own word. Normal is one name; which one does not matter. None: nobody can buy, see Redis HA. Two: a former primary has come back and does not know yet; Sentinel makes it a replica within about 10 s, and what it would acknowledge is withheld.",
			"none", now(`max by (instance) (redis_instance_info{role="master", `+every+`})`, "{{instance}}")).
			size(4, 5).limits("red", 1, "blue").option("textMode", "name").none("NONE").opens("Open Redis HA", "redis-ha"),
		stat("Alerts firing",
			"How many alerts of severity page or ticket fire. Normal is 0. Which ones: below, and in Alertmanager; each has a page in docs/runbook that says what to do.",
			"none", now(`count(ALERTS{alertstate="firing", alertname!="Watchdog", severity!="info"}) or vector(0)`, "alerts")).
			size(3, 5).limits("green", 1, "red"),
		stat("Write budget left",
			"Of the 0.1 % of writes that may fail in 30 days (status 5xx), the share that is left, by the recording rule. Normal is near 100 %. Under 0 the promise of 99.9 % is broken: change nothing risky until it recovers.",
			"percentunit", now(`shop:writes:error_budget_remaining_ratio`, "writes")).
			size(4, 5).limits("red", 0, "orange", 0.5, "green").atMost(1).decimals(1).none("no writes yet"),
		stat("Read budget left",
			"The same for reads: of the 0.1 % that may fail in 30 days, the share that is left. Normal is near 100 %. Reads outlive the loss of the primary, so a falling one points at the API or nginx: see Edge and API.",
			"percentunit", now(`shop:reads:error_budget_remaining_ratio`, "reads")).
			size(4, 5).limits("red", 0, "orange", 0.5, "green").atMost(1).decimals(1).none("no reads yet"),
		stat("Failovers",
			"Changes of the primary in the time shown, as the API replicas have seen them. Normal is 0, or 1 for each planned handover or upgrade. More: a node or its host is ill; see Redis HA for when and which.",
			"none", now(`round(max(increase(shop_redis_failovers_total{`+every+`}[$__range])))`, "failovers")).
			size(4, 5).limits("green", 1, "orange", 3, "red").decimals(0).none("API down").opens("Open Redis HA", "redis-ha"),
	}
}

// part is one cell of the row of health: how many of a part's processes are down.
func part(title, description, down, page, pageTitle string) *Panel {
	return stat(title, description, "suffix: down", now(down, title)).
		size(3, 3).limits("#44474f", 1, "red").says(0, "OK", "green").none("none here").opens("Open "+pageTitle, page)
}

// missing counts the targets of a job that are not there, or whose server does not answer its exporter.
func missing(job, alive string) string {
	return `count(up{job="` + job + `", ` + every + `}) - (sum(` + alive + `{job="` + job + `", ` + every + `}) or vector(0))`
}

func shopHealth() []*Panel {
	const others = `{job=~"prometheus|alertmanager|redis-exporter|node", ` + every + `}`
	return []*Panel{
		part("nginx", "The two nginx that share the shop's address. Normal is OK. One down: the other takes all new connections; start it again. Both: nobody reaches the shop.",
			missing("nginx", "nginx_up"), "edge-api", "Edge and API"),
		part("API", "The API replicas. Normal is OK. One down: nginx sends everything to the others; start it again. All: the shop is closed.",
			missing("api", "up"), "edge-api", "Edge and API"),
		part("Redis nodes", "The primary and the two replicas. Normal is OK. One down: the shop sells on, and must not lose a second one. Two: nothing can be bought until one is back.",
			missing("redis", "redis_up"), "redis-ha", "Redis HA"),
		part("Replication", "Replicas that do not follow their primary now. Normal is OK. One just after a failover is being pointed to the new primary; if it stays, see Redis HA, and that node's log.",
			`count(redis_master_link_up{job="redis", `+every+`} == 0) or 0 * count(redis_up{job="redis", `+every+`})`, "redis-ha", "Redis HA"),
		part("Sentinels", "The three Sentinels that notice a dead primary and choose another. Normal is OK. One down: failover still works. Two: it does not; start them again now.",
			missing("sentinel", "redis_up"), "redis-ha", "Redis HA"),
		part("Disk and memory", "How many of disk and memory are over 85 % on this host. Normal is OK. If not, see Host and stack: make room before Redis can no longer write and exits.",
			`count(`+diskUsed+` > 0.85 or `+memoryUsed+` > 0.85) or 0 * count(`+memoryUsed+`)`, "host-stack", "Host and stack"),
		part("Monitoring", "Prometheus, Alertmanager and the exporters of Redis and of the host. Normal is OK. If one is down the shop sells on, and you see less: alerts or figures are missing.",
			`count(up`+others+`) - sum(up`+others+`)`, "host-stack", "Host and stack"),
		part("Logs", "Loki and its collector, where they run (profile logs; natively logs are files: make logs). Normal is OK, or \"none here\". If one is down, nothing is lost that the collector can read again.",
			`count(up{job=~"loki|collector", `+every+`}) - sum(up{job=~"loki|collector", `+every+`})`, "host-stack", "Host and stack").
			limits("#44474f", 1, "orange"),
	}
}

func shopWhen() []*Panel {
	return []*Panel{
		timeline("When each API replica could sell",
			"The write probe of each replica, once a second. Normal is one green bar each. Red in all at once: Redis had no primary; in one: that replica or its connections. A gap: the replica was not there.",
			q(`max by (instance) (shop_write_probe_success{`+every+`})`, "{{instance}}")).
			size(12, 6).limits("red", 1, "green").says(0, "fails", "red", 1, "sells", "green"),
		timeline("Alerts, by name",
			"Each alert while it waits (pending) and fires; blue ones are good to know and no more. Normal is \"none\". docs/runbook has a page of each alert's name.",
			q(`max by (alertname) (3 * ALERTS{alertstate="firing", severity!="info"} or 2 * ALERTS{alertstate="firing", alertname!="Watchdog"} or ALERTS{alertstate="pending"}) or label_replace(vector(0), "alertname", "none", "", "") unless on () ALERTS{alertname!="Watchdog"}`, "{{alertname}}")).
			size(12, 6).limits("green", 1, "yellow", 2, "blue", 3, "red").says(0, "quiet", "green", 1, "pending", "yellow", 2, "to know", "blue", 3, "FIRING", "red"),
	}
}

func perMinute(metric, by string) string {
	return `60 * sum` + by + ` (rate(` + metric + `{` + every + `}[$__rate_interval]))`
}

func shopSales() []*Panel {
	perHour := func(series string) string { return `3600 * rate(` + series + `[$__rate_interval])` }
	inAll := func(series string) string { return `increase(` + series + `[$__range])` }
	sold := stat("Revenue in the time shown",
		"What was paid, by currency, each in its own unit: minor units divided as ISO 4217 has it, so yen have no decimals. An estimate from counters, good to about a percent; the books are the purchases themselves. Normal is what you expect to sell. Zero while requests come in: see whether payments fail.",
		"none", amounts("shop_revenue_minor_units_total", "", "", inAll)...).
		size(6, 7).limits("text").option("textMode", "value_and_name").option("colorMode", "none").none("nothing paid").inMoney()
	for i := range sold.Targets {
		sold.Targets[i].Range, sold.Targets[i].Instant = false, true
	}
	return []*Panel{
		heading("Sales"),
		graph("Purchases a minute, by what became of them",
			"Purchases that came into each status. Normal is that paid follows pending. More expired or cancelled than paid: customers do not get through to payment. All at zero while requests come in: see \"Can the shop sell?\".",
			"cpm", q(perMinute("shop_purchases_total", " by (status)"), "{{status}}")).
			size(9, 7).painted("^pending$", "blue", "^paid$", "green", "^fulfilled$", "dark-green", "^refunded$", "purple", "^cancelled$", "orange", "^expired$", "red"),
		graph("Revenue an hour, by currency",
			"What is paid, as a rate, each currency in its own unit; the axis is logarithmic, for amounts in yen are large ones. Normal is your shop's own rhythm. A fall to zero while purchases are made: payments do not arrive.",
			"short", amounts("shop_revenue_minor_units_total", "", " an hour", perHour)...).size(9, 7).decimals(0).
			option("tooltip", object{"mode": "multi", "sort": "none"}).byMagnitude(),
		sold,
		graph("Stock-outs, and purchases refused for want of stock",
			"Sales that took a product's last piece, and purchases that were refused because too little was left. Normal is 0, or what a sale brings. Many refusals: a product that sells is out; see the alert for which, and add stock.",
			"cpm", q(perMinute("shop_stock_outs_total", ""), "sold out"), q(perMinute("shop_stock_refusals_total", ""), "refused")).
			size(9, 7).painted("sold out", "orange", "refused", "red"),
		graph("Sessions started and ended",
			"Logins, and sessions that were ended by their owner. Normal is your shop's own rhythm. Many starts and no purchases: somebody may be trying passwords; the limits are in docs/security.md.",
			"cpm", q(perMinute("shop_sessions_started_total", ""), "started"), q(perMinute("shop_sessions_ended_total", ""), "ended")).size(9, 7),
		stat("Sold out and refused",
			"How often in the time shown a product's last piece was sold, and a purchase was refused for want of stock. Normal is 0, or what a sale brings; otherwise add stock.",
			"none", now(`round(sum(increase(shop_stock_outs_total{`+every+`}[$__range])))`, "stock-outs"),
			now(`round(sum(increase(shop_stock_refusals_total{`+every+`}[$__range])))`, "refusals")).
			size(6, 7).limits("green", 1, "orange").decimals(0).option("textMode", "value_and_name").option("colorMode", "value"),
	}
}

// burn asks by how much faster than allowed the budget of 0.1 % is spent, over several windows.
func burn(of string) (targets []Target) {
	for _, window := range []string{"5m", "1h", "6h", "3d"} {
		targets = append(targets, q(`shop:`+of+`:errors_ratio_rate`+window+` / 0.001`, window))
	}
	return targets
}

func shopObjectives() []*Panel {
	const normal = " 1× spends it all in exactly 30 days. Normal is under 1×. Both 5 m and 1 h over 14.4×, or 6 h over 6×: somebody is mailed now; 3 d over 1×: within days. See the errors below for what fails, and docs/runbook for what to do."
	return []*Panel{
		heading("Objectives: 99.9 % of writes and of reads in 30 days"),
		graph("Writes: how fast the budget burns", "Failed writes as a multiple of what is allowed, over windows of the recording rules."+normal, "suffix:×", burn("writes")...).
			size(12, 7).upTo(16).marked("transparent", 1, "yellow", 6, "orange", 14.4, "red"),
		graph("Reads: how fast the budget burns", "Failed reads as a multiple of what is allowed, over windows of the recording rules."+normal, "suffix:×", burn("reads")...).
			size(12, 7).upTo(16).marked("transparent", 1, "yellow", 6, "orange", 14.4, "red"),
	}
}

// latency asks for three quantiles of the requests that match.
func latency(of string) (targets []Target) {
	for _, quantile := range [][2]string{{"0.5", "p50"}, {"0.95", "p95"}, {"0.99", "p99"}} {
		targets = append(targets, q(`histogram_quantile(`+quantile[0]+`, sum by (le) (rate(shop_http_request_duration_seconds_bucket{`+of+`, `+every+`}[$__rate_interval])))`, quantile[1]))
	}
	targets[2] = targets[2].withExemplars()
	return targets
}

// failed is the share of the requests that match which were answered 5xx.
func failed(of string) string {
	rate := func(matchers string) string {
		return `sum(rate(shop_http_requests_total{` + matchers + `, ` + every + `}[$__rate_interval]))`
	}
	return `(` + rate(`status=~"5..", `+of) + ` or vector(0)) / ` + rate(of)
}

func shopTraffic() []*Panel {
	return []*Panel{
		heading("Requests"),
		graph("Requests a second, by class of answer",
			"All requests that the API answered. 4xx are refusals (stock-outs, limits, mistakes of clients), 5xx are ours. Normal is your shop's own rhythm and no 5xx. Which routes: Edge and API.",
			"reqps", q(`sum by (class) (rate(shop_http_request_duration_seconds_count{`+every+`}[$__rate_interval]))`, "{{class}}")).
			size(12, 7).stacked().painted("2xx", "green", "3xx", "blue", "4xx", "yellow", "5xx", "red"),
		graph("Share of requests that failed",
			"Answers 5xx among writes and among reads. Normal is 0; a failover may fail up to 0.1 % of writes. Over 0.1 % for long breaks the objective; Edge and API shows which route and why.",
			"percentunit", q(failed(writes), "writes"), q(failed(reads), "reads")).
			size(12, 7).upTo(0.002).marked("transparent", 0.001, "red"),
		graph("Time to answer a write", "POST, PUT, PATCH and DELETE: half of them are quicker than p50, one in a hundred is slower than p99. Normal is p50 under 20 ms and p99 under 250 ms (logins take 0.1 s, made to be slow). Higher: the primary's disk (each group waits for fsync), or a failover. A dot is one request: click it for its log lines.",
			"s", latency(writes)...).size(12, 8).marked("transparent", 0.25, "orange", 1, "red"),
		graph("Time to answer a read", "GET: half of them are quicker than p50, one in a hundred is slower than p99. Normal is p50 under 5 ms and p99 under 50 ms. Higher: the host's processors are busy (Host and stack), or replicas are behind and reads go on to the next node. A dot is one request: click it for its log lines.",
			"s", latency(reads)...).size(12, 8).marked("transparent", 0.05, "orange", 0.5, "red"),
	}
}
