package restore

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/redisnode"
)

// Lost counts what a shop has of purchases and the data that replace it have not.
type Lost struct {
	// Purchases are not there at all; Changes are of purchases that are there in an older state.
	Purchases, Changes int64
}

var lostHeader = []string{"purchase", "what", "status", "user", "total", "currency", "created_at", "updated_at", "external_ref"}

// lostFields are those of a purchase that are compared or listed.
var lostFields = []any{"version", "status", "user", "total", "currency", "created", "updated", "external_ref"}

// compare lists the purchases of the shop that the data on the scratch server lack, or have in an older state.
func compare(ctx context.Context, shop, prepared *redisnode.Node, out io.Writer) (Lost, error) {
	var lost Lost
	table := csv.NewWriter(out)
	_ = table.Write(lostHeader)
	err := shop.Scan(ctx, redisdb.KeyPurchase("*"), raiseBatch, func(keys []string) error {
		here, err := readFields(ctx, shop, keys)
		if err != nil {
			return err
		}
		there, err := readFields(ctx, prepared, keys)
		if err != nil {
			return err
		}
		for i, key := range keys {
			if what := difference(here[i], there[i], &lost); what != "" {
				_ = table.Write(row(key, what, here[i]))
			}
		}
		return nil
	})
	table.Flush()
	return lost, errors.Join(err, table.Error())
}

func readFields(ctx context.Context, node *redisnode.Node, keys []string) ([][]string, error) {
	commands := make([]redisnode.Command, len(keys))
	for i, key := range keys {
		commands[i] = append(redisnode.Command{"HMGET", key}, lostFields...)
	}
	replies, err := node.Pipeline(ctx, commands)
	found := make([][]string, len(keys))
	for i, reply := range replies {
		found[i] = redisnode.Texts(reply)
	}
	return found, err
}

// difference says what the restored data lack of a purchase. Versions count without what restores have added.
func difference(here, there []string, lost *Lost) string {
	if here[0] == "" {
		return "" // it has gone meanwhile
	}
	if there[0] == "" {
		lost.Purchases++
		return "the restored data do not have it"
	}
	now, _ := strconv.ParseInt(here[0], 10, 64)
	then, _ := strconv.ParseInt(there[0], 10, 64)
	now, then = now%versionStep, then%versionStep
	if now == then && here[1] == there[1] {
		return ""
	}
	lost.Changes++
	return fmt.Sprintf("the restored data have it as it was: %s, version %d of %d", there[1], then, now)
}

func row(key, what string, here []string) []string {
	when := func(millis string) string {
		n, err := strconv.ParseInt(millis, 10, 64)
		if err != nil {
			return millis
		}
		return time.UnixMilli(n).UTC().Format(time.RFC3339)
	}
	return []string{
		strings.TrimPrefix(key, redisdb.KeyPurchase("")),
		what,
		here[1],
		here[2],
		here[3],
		here[4],
		when(here[5]),
		when(here[6]),
		here[7],
	}
}

// listLost writes the list into a file.
func listLost(ctx context.Context, shop, prepared *redisnode.Node, path string) (Lost, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return Lost{}, err
	}
	lost, err := compare(ctx, shop, prepared, file)
	return lost, errors.Join(err, file.Sync(), file.Close())
}
