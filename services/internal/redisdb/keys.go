package redisdb

// Every key of the shop is built here and nowhere else. All begin with evg:,
// so that one ACL pattern and one SCAN pattern cover the shop.

// KeySchema holds the number of the layout that is in force; see layout.go. String.
func KeySchema() string { return "evg:schema" }

// KeyHistory holds the id of the history of the data, 16 hexadecimal characters; see history.go. String.
func KeyHistory() string { return "evg:history" }

// KeyMigrations has the record of each migration of the stored data, by its number:
// JSON with its state and, while it copies, its cursor. Hash.
func KeyMigrations() string { return "evg:migrations" }

// KeyMigrationLease names the program that copies for a migration now. String, expires.
func KeyMigrationLease() string { return "evg:migrations:lease" }

// KeyCommitSeq counts commits; its INCR makes WAIT mean something. String.
func KeyCommitSeq() string { return "evg:commit:seq" }

// KeyHeartbeat holds the primary's time in milliseconds, written once a second;
// what a replica has of it tells how old its data is. String.
func KeyHeartbeat() string { return "evg:heartbeat" }

// KeyEvents is the stream of changes. Stream.
func KeyEvents() string { return "evg:events" }

// KeyReplicas has the API replicas that are alive, scored by the Redis time of
// their last sign of life in milliseconds. Sorted set.
func KeyReplicas() string { return "evg:replicas" }

// KeyRequest remembers the outcome of a write. String (MessagePack), expires.
func KeyRequest(record string) string { return "evg:request:" + record }

// KeyRequests is a bucket: from layout 2 on it remembers the outcomes, those that are
// small, of a caller's writes of one day, counted from 1970. Hash (MessagePack), expires.
// A bucket that is full has parts, :0 to :31 after its key; see prelude.lua.
func KeyRequests(caller, day string) string { return "evg:requests:" + caller + ":" + day }

// KeyRate counts sign-ups and logins of one subject. String, expires.
func KeyRate(what, subject string) string { return "evg:rate:" + what + ":" + subject }

// KeyUser is a user. Hash.
func KeyUser(id string) string { return "evg:user:" + id }

// KeyUserEmail leads from a case-folded email to the user's id. String.
func KeyUserEmail(folded string) string { return "evg:user_email:" + folded }

// KeyUsers lists all users' ids. Sorted set, all scores 0: by id, so by age.
func KeyUsers() string { return "evg:users" }

// KeySession is a session, named by the keyed hash of its token. Hash, expires.
func KeySession(hash string) string { return "evg:session:" + hash }

// KeyUserSessions lists a user's sessions, scored by when they expire. Sorted set.
func KeyUserSessions(userID string) string { return "evg:user:" + userID + ":sessions" }

// KeyProduct is a product with its ledger. Hash.
func KeyProduct(id string) string { return "evg:product:" + id }

// KeyProductSKU leads from a SKU to the product's id. String.
func KeyProductSKU(sku string) string { return "evg:product_sku:" + sku }

// KeyProductAdjustments leads from an adjustment's external_ref to the id of
// the request that made it. Hash.
func KeyProductAdjustments(id string) string { return "evg:product:" + id + ":adjustments" }

// KeyProducts lists all products' ids. Sorted set, all scores 0.
func KeyProducts() string { return "evg:products" }

// KeyProductsBy lists the ids of the products with one value of family,
// category or tag. Sorted set, all scores 0.
func KeyProductsBy(filter, value string) string { return "evg:products:" + filter + ":" + value }

// KeyPurchase is a purchase. Hash.
func KeyPurchase(id string) string { return "evg:purchase:" + id }

// KeyPurchaseRef leads from an external_ref to the purchase's id, for ever. String.
func KeyPurchaseRef(ref string) string { return "evg:purchase_ref:" + ref }

// KeyAllPurchases lists the ids of all purchases; an id leaves it with its purchase. Sorted set, all scores 0.
func KeyAllPurchases() string { return "evg:purchases" }

// KeyPurchases lists the ids of the purchases in one status: pending and paid, and before
// layout 3 all others, too. Sorted set, all scores 0.
func KeyPurchases(status string) string { return "evg:purchases:" + status }

// KeyEndedPurchases lists the ids of the cancelled and expired purchases, scored by their
// last change in milliseconds. Sorted set.
func KeyEndedPurchases() string { return "evg:purchases:ended" }

// KeyUserPurchases lists the ids of a user's purchases. Sorted set, all scores 0.
func KeyUserPurchases(userID string) string { return "evg:user:" + userID + ":purchases" }

// KeyReservations has the pending purchases, scored by reserved_until in
// milliseconds. Sorted set.
func KeyReservations() string { return "evg:reservations" }

// KeyHeld counts what a customer's unpaid purchases hold; purchases/held.lua has its fields. Hash.
func KeyHeld(userID string) string { return "evg:held:" + userID }

// KeyStrikes has the cool-downs of a customer; purchases/held.lua has its fields. Hash, expires.
func KeyStrikes(userID string) string { return "evg:strikes:" + userID }

// KeyUnpaid has the bytes of unpaid purchases by kinds of customers and by address. Hash.
func KeyUnpaid() string { return "evg:unpaid" }

// KeyRestore says who restores a backup into this shop now, and how far it has come; services/ops/backup/restore has its
// fields. Hash.
func KeyRestore() string { return "evg:restore" }

// KeyRestores counts the restores that the data have come through. String.
func KeyRestores() string { return "evg:restores" }
