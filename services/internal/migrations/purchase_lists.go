package migrations

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/redisdb"
)

//go:embed purchase_lists.lua
var purchaseListsSource string

//go:embed purchase_lists_contract.lua
var purchaseListsContractSource string

const (
	// purchaseBatch is how many purchases one batch looks at.
	purchaseBatch = 32
	// itemsAtOnce is how many purchases' lines are read at once, each of up to 400 KB.
	itemsAtOnce = 4
)

// purchaseLists is migration 2. Until layout 3 a purchase stands in the list of its status.
// Its scripts put it into the list of all purchases, too, and into that of the ended
// ones (expand). An older program does not, so the copy does. Contracted are the lists of
// the statuses in which a purchase is not open.
func purchaseLists() Migration {
	return Migration{Number: 2, Layout: 3, Name: "purchases stand in one list of all", Plan: planPurchaseLists,
		Copy:     NewCopy("migration.purchase_lists", purchaseListsSource),
		Contract: NewCopy("migration.purchase_lists_contract", purchaseListsContractSource),
		Old:      closedLists()}
}

func closedLists() (keys []string) {
	for _, status := range []string{"fulfilled", "cancelled", "expired", "refunded"} {
		keys = append(keys, redisdb.KeyPurchases(status))
	}
	return keys
}

// planPurchaseLists goes from the newest purchase to the oldest. Purchases that are made
// meanwhile are newer than the cursor; this version lists them in full.
func planPurchaseLists(ctx context.Context, db Database, cursor string) (Batch, error) {
	ctx = redisdb.FromPrimary(ctx)
	ids, listed, err := purchasesBefore(ctx, db, cursor)
	if err != nil {
		return Batch{}, err
	}
	batch := Batch{Seen: int64(len(ids)), Shared: []string{redisdb.KeyAllPurchases(), redisdb.KeyEndedPurchases()}}
	if len(ids) == purchaseBatch {
		batch.Cursor = ids[len(ids)-1]
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = redisdb.KeyPurchase(id)
	}
	found, err := db.Hashes(ctx, keys, "status", "updated", "count")
	if err != nil {
		return Batch{}, err
	}
	if err := countLines(ctx, db, keys, found); err != nil {
		return Batch{}, err
	}
	ended, err := db.Scores(ctx, redisdb.KeyEndedPurchases(), ids)
	if err != nil {
		return Batch{}, err
	}
	for i, fields := range found {
		if fields != nil && (!listed[ids[i]] || fields["counted"] != "" || ended[i] != endedAt(fields)) {
			batch.Keys = append(batch.Keys, keys[i])
			batch.Args = append(batch.Args, ids[i], fields["count"])
		}
	}
	return batch, nil
}

// purchasesBefore reads the next ids, and which of them are in the list of all purchases.
func purchasesBefore(ctx context.Context, db Database, cursor string) (ids []string, listed map[string]bool, err error) {
	keys := []string{redisdb.KeyAllPurchases(), redisdb.KeyPurchases("pending"), redisdb.KeyPurchases("paid")}
	keys = append(keys, closedLists()...)
	lists, err := db.NewestOf(ctx, keys, cursor, purchaseBatch)
	if err != nil {
		return nil, nil, err
	}
	listed = map[string]bool{}
	for _, id := range lists[0] {
		listed[id] = true
	}
	ids = slices.Concat(lists...)
	slices.SortFunc(ids, func(a, b string) int { return strings.Compare(b, a) })
	ids = slices.Compact(ids)
	return ids[:min(purchaseBatch, len(ids))], listed, nil
}

// endedAt is the score that a purchase has in the list of the ended ones; "" is none.
func endedAt(fields redisdb.Fields) string {
	if fields["status"] == "cancelled" || fields["status"] == "expired" {
		return fields["updated"]
	}
	return ""
}

// countLines adds the field count where it is missing, and notes that in counted. The lines of
// a purchase never change.
func countLines(ctx context.Context, db Database, keys []string, found []redisdb.Fields) error {
	var missing []int
	for i, fields := range found {
		if fields != nil && fields["count"] == "" {
			missing = append(missing, i)
		}
	}
	for part := range slices.Chunk(missing, itemsAtOnce) {
		some := make([]string, len(part))
		for n, i := range part {
			some[n] = keys[i]
		}
		items, err := db.Hashes(ctx, some, "items")
		if err != nil {
			return err
		}
		for n, i := range part {
			var lines []jsontext.Value
			if err := json.Unmarshal([]byte(items[n]["items"]), &lines); err != nil {
				return fmt.Errorf("%s: %w", keys[i], err)
			}
			found[i]["count"], found[i]["counted"] = strconv.Itoa(len(lines)), "now"
		}
	}
	return nil
}
