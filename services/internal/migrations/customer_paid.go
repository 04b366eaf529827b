package migrations

import (
	"context"
	_ "embed"
	"slices"
	"strings"

	"evergreen/services/internal/redisdb"
)

//go:embed customer_paid.lua
var customerPaidSource string

// customerBatch is how many purchases one batch looks at.
const customerBatch = 100

// customerPaid notes for each customer that has paid for a purchase that this is so. Scripts of this version note it with
// each payment, in every layout; an older program does not. The lists by status from before layout 3 tell the
// purchases, so the last copy has to come before these are deleted, as every copy does.
func customerPaid() Migration {
	return Migration{Number: 3, Layout: 3, Name: "customers that have paid are known", Plan: planCustomerPaid,
		Copy: NewCopy("migration.customer_paid", customerPaidSource)}
}

// paidStatuses are those of purchases that were paid.
func paidStatuses() []string { return []string{"paid", "fulfilled", "refunded"} }

// planCustomerPaid goes through one list after the other, from the newest purchase to the oldest. The cursor is the list's
// status and the last id, with a blank between them.
func planCustomerPaid(ctx context.Context, db Database, cursor string) (Batch, error) {
	ctx = redisdb.FromPrimary(ctx)
	status, before, _ := strings.Cut(cursor, " ")
	if status == "" {
		status = paidStatuses()[0]
	}
	ids, err := db.Newest(ctx, redisdb.KeyPurchases(status), before, customerBatch)
	if err != nil {
		return Batch{}, err
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = redisdb.KeyPurchase(id)
	}
	found, err := db.Hashes(ctx, keys, "user")
	if err != nil {
		return Batch{}, err
	}
	batch := Batch{Seen: int64(len(ids)), Cursor: afterPaid(status, ids)}
	for _, fields := range found {
		if user := fields["user"]; user != "" && !slices.Contains(batch.Keys, redisdb.KeyHeld(user)) {
			batch.Keys = append(batch.Keys, redisdb.KeyHeld(user))
		}
	}
	return batch, nil
}

// afterPaid is the cursor after these ids of a status.
func afterPaid(status string, ids []string) string {
	if len(ids) == customerBatch {
		return status + " " + ids[len(ids)-1]
	}
	statuses := paidStatuses()
	if next := slices.Index(statuses, status) + 1; next < len(statuses) {
		return statuses[next] + " "
	}
	return ""
}
