package reconcile

import (
	"strings"

	"evergreen/services/internal/redisdb"
)

// kind is one kind of the shop's keys, as redisdb/keys.go builds them.
type kind struct {
	name string
	// typ is what Redis calls its type.
	typ string
	// before and after are what stands around the changing part of the key; fixed says that there is none.
	before, after string
	fixed         bool
}

// Products and Purchases are the kinds of those objects, in Report.Keys.
const (
	Products  = "products"
	Purchases = "purchases"
)

// The other kinds that are looked into.
const (
	kindUser         = "users"
	kindUserEmail    = "emails of users"
	kindSession      = "sessions"
	kindUserSessions = "lists of a user's sessions"
	kindAdjustments  = "adjustments of products"
	kindSKU          = "SKUs"
	kindProductsBy   = "lists of products by family, category or tag"
	kindUserBought   = "lists of a user's purchases"
)

// mark stands for the changing part while the table of kinds is made.
const mark = "\x00"

func fixed(name, typ, key string) kind { return kind{name: name, typ: typ, before: key, fixed: true} }

func varying(name, typ, key string) kind {
	before, after, _ := strings.Cut(key, mark)
	return kind{name: name, typ: typ, before: before, after: after}
}

// kinds are all kinds of keys. Where two fit, the first one counts.
func kinds() []kind {
	return []kind{
		fixed("layout", "string", redisdb.KeySchema()),
		fixed("history", "string", redisdb.KeyHistory()),
		fixed("lock of a restore", "hash", redisdb.KeyRestore()),
		fixed("count of restores", "string", redisdb.KeyRestores()),
		fixed("migrations", "hash", redisdb.KeyMigrations()),
		fixed("lease of the migrations", "string", redisdb.KeyMigrationLease()),
		fixed("commit sequence", "string", redisdb.KeyCommitSeq()),
		fixed("heartbeat", "string", redisdb.KeyHeartbeat()),
		fixed("events", "stream", redisdb.KeyEvents()),
		fixed("signs of life", "zset", redisdb.KeyReplicas()),
		fixed("list of all users", "zset", redisdb.KeyUsers()),
		fixed("list of all products", "zset", redisdb.KeyProducts()),
		fixed("list of all purchases", "zset", redisdb.KeyAllPurchases()),
		fixed("reservations", "zset", redisdb.KeyReservations()),
		fixed("bytes of unpaid purchases", "hash", redisdb.KeyUnpaid()),
		varying("outcomes", "string", redisdb.KeyRequest(mark)),
		varying("buckets of outcomes", "hash", strings.TrimSuffix(redisdb.KeyRequests(mark, ""), ":")),
		varying("rates", "string", strings.TrimSuffix(redisdb.KeyRate(mark, ""), ":")),
		varying(kindUserEmail, "string", redisdb.KeyUserEmail(mark)),
		varying(kindUserSessions, "zset", redisdb.KeyUserSessions(mark)),
		varying(kindUserBought, "zset", redisdb.KeyUserPurchases(mark)),
		varying(kindUser, "hash", redisdb.KeyUser(mark)),
		varying(kindSession, "hash", redisdb.KeySession(mark)),
		varying(kindSKU, "string", redisdb.KeyProductSKU(mark)),
		varying(kindAdjustments, "hash", redisdb.KeyProductAdjustments(mark)),
		varying(Products, "hash", redisdb.KeyProduct(mark)),
		varying(kindProductsBy, "zset", strings.TrimSuffix(redisdb.KeyProductsBy(mark, ""), ":")),
		varying(Purchases, "hash", redisdb.KeyPurchase(mark)),
		varying("references of purchases", "string", redisdb.KeyPurchaseRef(mark)),
		varying("lists of purchases by status", "zset", redisdb.KeyPurchases(mark)),
		varying("counts of customers", "hash", redisdb.KeyHeld(mark)),
		varying("cool-downs", "hash", redisdb.KeyStrikes(mark)),
	}
}

// classify finds the kind of a key, and its changing part.
func classify(all []kind, key string) (found kind, part string, known bool) {
	for _, k := range all {
		if k.fixed {
			if key == k.before {
				return k, "", true
			}
			continue
		}
		rest, ok := strings.CutPrefix(key, k.before)
		if !ok {
			continue
		}
		if part, ok := strings.CutSuffix(rest, k.after); ok && part != "" && (k.after != "" || k.plain(part)) {
			return k, part, true
		}
	}
	return kind{}, "", false
}

// plain says that the changing part may be this one: an object's own key has no colon, or it would be another key of it.
func (k kind) plain(part string) bool {
	switch k.name {
	case kindUser, Products, Purchases:
		return !strings.Contains(part, ":")
	}
	return true
}
