package dashboards

// edgeLimits is about the bounds of what requests and customers may take, and who is refused at them.
func edgeLimits() []*Panel {
	return []*Panel{
		heading("Limits: what requests and customers hold, and what is refused"),
		graph("Memory of requests, by replica",
			"Memory that the requests under way are taken to hold, as a share of REQUEST_MEMORY_MIB. Normal is under 10 %. "+
				"At 50 % large requests are refused, at 100 % all. High for long: look at the refusals beside it.",
			"percentunit",
			q(`sum by (instance) (shop_request_memory_held_bytes{`+every+`}) / `+
				`sum by (instance) (shop_request_memory_limit_bytes{`+every+`})`, "{{instance}}")).
			size(8, 7).upTo(1).marked("transparent", 0.5, "red"),
		graph("Requests refused for memory, a second, by bound",
			"caller: one customer or address has many large requests under way (429 caller-busy). replica: all requests "+
				"together are at the bound (503 busy). "+
				"Normal is 0. replica for long: see the alert RequestMemoryFull.",
			"reqps", q(perSecond("shop_request_memory_refused_total", " by (bound)"), "{{bound}}")).
			size(8, 7).upTo(1).painted("^caller$", "orange", "^replica$", "red"),
		graph("Requests refused by a quota, a second, by quota",
			"Writes that were answered 429, or 409 max-per-customer, because a customer is at a bound (docs/quotas.md). Normal is none. "+
				"One quota for long: one customer takes much, or the quota is too low for your shop.",
			"reqps", q(only("shop_quota_refusals_total", "quota"), "{{quota}}")).size(8, 7).upTo(1),
		graph("Strong reads that wait, by reader",
			"Reads with no-cache that have no answer yet, on all replicas. Normal is under 50. At 500 on a replica the next is "+
				"refused as busy. "+
				"It climbs in a failover.",
			"none", q(`sum by (reader) (shop_strong_reads_held{`+every+`})`, "{{reader}}")).size(8, 7).marked("transparent", 500, "red"),
		graph("Strong reads refused, a second, by reader",
			"Strong reads that were answered 503 busy, because the places of their reader or their caller were taken. Normal is 0. "+
				"anonymous alone: a client asks too often. customer or admin: the primary is slow or away; see Redis HA.",
			"reqps", q(perSecond("shop_strong_reads_refused_total", " by (reader)"), "{{reader}}")).
			size(8, 7).upTo(1).painted("^anonymous$", "blue", "^customer$", "orange", "^admin$", "red"),
		graph("Memory of unpaid purchases, as a share of its bound",
			"Bytes of pending, cancelled and expired purchases in Redis. new: customers without a paid purchase, known: all others. "+
				"Normal is under 50 %. From 90 % on the oldest ended ones are deleted; at 100 % purchases of these customers are "+
				"refused: see the alert UnpaidShareFull.",
			"percentunit",
			q(`max by (customers) (shop_unpaid_bytes{`+every+`}) / `+
				`on () group_left () max(shop_unpaid_bytes_max{`+every+`})`, "{{customers}}")).
			size(8, 7).upTo(1).marked("transparent", 0.9, "orange", 1, "red"),
	}
}

// shopReserved is about stock that customers hold without having paid.
func shopReserved() []*Panel {
	return []*Panel{
		graph("Largest share of a product that unpaid purchases hold",
			"Of each product of which unpaid purchases hold 20 pieces or more: the pieces that they hold, as a share of these "+
				"and the stock. "+
				"The line is the product with the largest share. Normal is under 50 %. Above it for half an hour: see the alert "+
				"StockReserved.",
			"percentunit", q(`max(shop_product_reserved_share_max{`+every+`})`, "largest share")).
			size(12, 7).upTo(1).marked("transparent", 0.5, "orange"),
		graph("Products of which unpaid purchases hold more than half",
			"How many products have more than half of their pieces in unpaid purchases, 20 pieces at least. Normal is 0, or "+
				"some during a sale. "+
				"For half an hour: customers take stock and do not pay; see the alert StockReserved.",
			"none", q(`max(shop_products_mostly_reserved{`+every+`})`, "products")).
			size(12, 7).upTo(1).marked("transparent", 1, "orange"),
	}
}
