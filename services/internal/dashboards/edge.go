package dashboards

const (
	nginx   = `job="nginx", ` + every
	replica = `job="api", ` + every
)

// edgeAPI is about the two nginx, the API replicas and what they wait for.
func edgeAPI() Dashboard {
	panels := edgePair()
	panels = append(panels, edgeReplicas()...)
	panels = append(panels, edgeRoutes()...)
	panels = append(panels, edgeCommitter()...)
	panels = append(panels, edgeLimits()...)
	panels = append(panels, edgePools()...)
	panels = append(panels, edgeRuntime()...)
	panels = append(panels, edgeLogs()...)
	d := newDashboard("edge-api", "Edge and API",
		"The two nginx and the API replicas: who serves what, how fast, what fails and why, and what the API waits for.", "nginx|api", panels...)
	d.Templating.List = append(d.Templating.List, sourceVariable("logs", "Loki", "loki"), Variable{
		Name: "request", Label: "Request id", Description: "The request whose log lines are shown at the bottom, as in its answer's X-Request-Id.",
		Type: "textbox", Query: "", Current: &Choice{Text: "", Value: ""}, Options: []any{},
	})
	return d
}

func perSecond(metric, by string) string {
	return `sum` + by + ` (rate(` + metric + `{` + every + `}[$__rate_interval]))`
}

// only leaves out the series at nothing, for a label that has many values; "none" stands for all of them.
func only(metric, label string) string {
	return perSecond(metric, " by ("+label+")") + ` > 0
  or on () label_replace(0 * ` + perSecond(metric, "") + `, "` + label + `", "none", "", "")`
}

func edgePair() []*Panel {
	return []*Panel{
		timeline("The nginx pair", "Green: it answers its exporter. Normal is two green bars. One red: the other takes all new connections; start it again. Both: nobody reaches the shop.",
			q(`max by (instance) (nginx_up{`+nginx+`} or 0 * up{`+nginx+`})`, "{{instance}}")).
			size(8, 6).limits("red", 1, "green").says(0, "down", "red", 1, "up", "green"),
		graph("Requests a second, by nginx", "All requests of each nginx, those it refused itself included. Normal is about half for each (the kernel deals out new connections). All at one: the other is down, or clients keep few connections.",
			"reqps", q(perSecond("nginx_http_requests_total", " by (instance)"), "{{instance}}")).size(8, 6).stacked(),
		graph("Open connections, by nginx", "Connections of clients: active ones, and of these those that wait for the next request. Normal is mostly waiting. Active without waiting climbs: the API is slow. The bound is EDGE_CONNECTIONS from one address.",
			"none", q(`sum by (instance) (nginx_connections_active{`+nginx+`})`, "{{instance}} active"), q(`sum by (instance) (nginx_connections_waiting{`+nginx+`})`, "{{instance}} waiting")).size(8, 6),
		graph("Connections dropped by nginx", "Connections that were accepted and not handled. Normal is 0. If not: worker_connections or the bound of open files is reached.",
			"cps", q(`sum by (instance) (rate(nginx_connections_accepted{`+nginx+`}[$__rate_interval])) - sum by (instance) (rate(nginx_connections_handled{`+nginx+`}[$__rate_interval]))`, "{{instance}}")).
			size(8, 6).upTo(1).marked("transparent", 0.1, "red"),
		graph("New connections a second, by nginx", "Normal is far under the requests a second: clients keep their connections. As many as requests: a client or a balancer before us makes a new one each time.",
			"cps", q(perSecond("nginx_connections_accepted", " by (instance)"), "{{instance}}")).size(8, 6),
		graph("Requests sent on to another replica", "Requests that nginx sent to this replica because the other did not answer. Normal is 0, and a burst when a replica dies or is upgraded. All the time: a replica is ill and still answers now and then.",
			"reqps", q(perSecond("shop_http_retried_requests_total", " by (instance)"), "{{instance}}")).size(8, 6),
	}
}

func edgeReplicas() []*Panel {
	return []*Panel{
		heading("Upstreams: the API replicas, each"),
		graph("Requests a second, by replica", "What each replica has answered. Normal is about the same for each. One at nothing: nginx has taken it out, because it failed; see its log.",
			"reqps", q(perSecond("shop_http_requests_total", " by (instance)"), "{{instance}}")).size(8, 7).stacked(),
		graph("Share of failed requests, by replica", "Answers 5xx of each replica. Normal is 0. One alone: that replica. All: what they share, which is Redis; see Redis HA.",
			"percentunit", q(`(sum by (instance) (rate(shop_http_requests_total{status=~"5..", `+every+`}[$__rate_interval])) or 0 * sum by (instance) (rate(shop_http_requests_total{`+every+`}[$__rate_interval]))) / sum by (instance) (rate(shop_http_requests_total{`+every+`}[$__rate_interval]))`, "{{instance}}")).
			size(8, 7).upTo(0.002).marked("transparent", 0.001, "red"),
		graph("Time to answer (p95), by replica", "One request in twenty of each replica is slower. Normal is under 0.1 s, and the same for each. One alone is slower: its host or container is short of processor.",
			"s", q(`histogram_quantile(0.95, sum by (le, instance) (rate(shop_http_request_duration_seconds_bucket{`+every+`}[$__rate_interval])))`, "{{instance}}").withExemplars()).
			size(8, 7).marked("transparent", 0.25, "orange"),
	}
}

func edgeRoutes() []*Panel {
	return []*Panel{
		heading("Requests, by route"),
		graph("Requests a second, by route", "Templates of routes, never single addresses; unmatched is what no route is there for. Normal is your shop's own mix. Much unmatched: somebody is looking for holes.",
			"reqps", q(perSecond("shop_http_requests_total", " by (method, route)"), "{{method}} {{route}}")).size(24, 9).summed("mean", "max").option("tooltip", object{"mode": "single", "sort": "none"}),
		graph("Time to answer (p95), by route", "One request in twenty is slower. Normal is under 20 ms for reads, under 100 ms for writes; logins and sign-ups 0.1 to 0.5 s, made to be slow. A dot is one request: click it for its log lines.",
			"s", q(`histogram_quantile(0.95, sum by (le, method, route) (rate(shop_http_request_duration_seconds_bucket{`+every+`}[$__rate_interval])))`, "{{method}} {{route}}").withExemplars()).
			size(24, 9).summed("mean", "max").option("tooltip", object{"mode": "single", "sort": "none"}),
		graph("Failed requests a second, by route", "Answers 5xx of the routes that have any. Normal is \"no route\"; in a failover some writes may end 503. One route alone: a defect; its log lines have the error.",
			"reqps", q(`sum by (method, route) (rate(shop_http_requests_total{status=~"5..", `+every+`}[$__rate_interval])) > 0
  or on () label_replace(label_replace(0 * `+perSecond("shop_http_requests_total", "")+`, "method", "no", "", ""), "route", "route", "", "")`, "{{method}} {{route}}")).
			size(12, 8).upTo(1).painted("^no route$", "green"),
		graph("Answers a second, by status", "Normal is 200, 201, 204 and 304. 409 are refusals (sold out, wrong status), 429 limits, 412 and 422 clients' mistakes, 503 is ours: no primary, or the outcome unknown.",
			"reqps", q(perSecond("shop_http_requests_total", " by (status)"), "{{status}}")).
			size(12, 8).painted("^2", "green", "^3", "blue", "^409", "yellow", "^4[0-8]", "orange", "^429", "purple", "^5", "red"),
		graph("Requests being answered now", "By replica. Normal is a handful. It climbs to thousands while writes are held for a failover, and falls after it.",
			"none", q(`sum by (instance) (shop_http_requests_in_flight{`+every+`})`, "{{instance}}")).size(12, 6),
		graph("Purchases refused or failed, a second", "Orders that did not end in a purchase, by status: 409 too little stock, 422 a mistake, 503 ours. Normal is few. 503: see the committer.",
			"reqps", q(`sum by (status) (rate(shop_http_requests_total{route="/v1/purchases", method="POST", status!~"2..", `+every+`}[$__rate_interval]))`, "{{status}}")).
			size(12, 6).painted("^4", "orange", "^5", "red").none("none"),
	}
}
