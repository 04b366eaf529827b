package migrations

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"evergreen/services/internal/redisdb"
)

//go:embed product_updated.lua
var productUpdatedSource string

// productBatch is how many products one batch looks at.
const productBatch = 32

// productUpdated is migration 1. A product's hash gets the field "updated": the time
// of its last change in milliseconds, which until now stands in its body alone. The
// scripts that create and change products write it (expand). An older program does not,
// so the copy writes it wherever it is not what the body says. Nothing is to be
// contracted: the body keeps its own member.
func productUpdated() Migration {
	return Migration{Number: 1, Layout: 2, Name: "products get the field updated", Plan: planProductUpdated,
		Copy: NewCopy("migration.product_updated", productUpdatedSource)}
}

// planProductUpdated goes from the newest product to the oldest. Products that are
// created meanwhile are newer than the cursor; this version writes them in full.
func planProductUpdated(ctx context.Context, db Database, cursor string) (Batch, error) {
	ctx = redisdb.FromPrimary(ctx)
	ids, err := db.Newest(ctx, redisdb.KeyProducts(), cursor, productBatch)
	if err != nil {
		return Batch{}, err
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = redisdb.KeyProduct(id)
	}
	found, err := db.Hashes(ctx, keys, "version", "body", "updated")
	if err != nil {
		return Batch{}, err
	}
	batch := Batch{Seen: int64(len(ids))}
	if len(ids) == productBatch {
		batch.Cursor = ids[len(ids)-1]
	}
	for i, fields := range found {
		if fields == nil {
			continue // it was deleted meanwhile
		}
		updated, err := updatedOf(fields["body"])
		if err != nil {
			return Batch{}, fmt.Errorf("%s: %w", keys[i], err)
		}
		if updated != fields["updated"] {
			batch.Keys = append(batch.Keys, keys[i])
			batch.Args = append(batch.Args, fields["version"], updated)
		}
	}
	return batch, nil
}

// updatedOf reads the time of the last change out of a stored body, in milliseconds.
func updatedOf(body string) (string, error) {
	var product struct {
		UpdatedAt time.Time `json:"updated_at"`
	}
	if err := json.Unmarshal([]byte(body), &product); err != nil {
		return "", err
	}
	return strconv.FormatInt(product.UpdatedAt.UnixMilli(), 10), nil
}
