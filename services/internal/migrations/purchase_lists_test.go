package migrations

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
)

// sale names purchase i; the higher, the newer.
func sale(i int) string { return fmt.Sprintf("purchase-%05d", i) }

// sell stores purchase i, of i%5+1 lines, as a program of layout 2 does.
func sell(t *testing.T, i int, status string, updated int) {
	t.Helper()
	lines := strings.Repeat(`{"product_id":"p"},`, i%5) + `{"product_id":"p"}`
	order(t, "HSET", redisdb.KeyPurchase(sale(i)), "user", "u", "status", status, "updated", strconv.Itoa(updated),
		"items", "["+lines+"]")
	order(t, "ZADD", redisdb.KeyPurchases(status), "0", sale(i))
}

// move gives purchase i another status as a program of layout 2 does.
func move(t *testing.T, i int, from, to string, updated int) {
	t.Helper()
	order(t, "ZREM", redisdb.KeyPurchases(from), sale(i))
	sell(t, i, to, updated)
}

// members of a sorted set, each with its score.
func members(t *testing.T, key string) map[string]string {
	t.Helper()
	words, found := strings.Fields(order(t, "EVAL", "return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')", "1",
		key)), map[string]string{}
	for pair := range slices.Chunk(words, 2) {
		found[pair[0]] = pair[1]
	}
	return found
}

var everyStatus = []string{"pending", "paid", "fulfilled", "cancelled", "expired", "refunded"}

// requireListed holds that every purchase up to n is in the lists of layout 3 and knows how many lines it has.
func requireListed(t *testing.T, n int, ended map[string]string) {
	t.Helper()
	all := members(t, redisdb.KeyAllPurchases())
	require.Len(t, all, n)
	for i := range n {
		require.Equal(t, "0", all[sale(i)], sale(i))
		require.Equal(t, strconv.Itoa(i%5+1), order(t, "HGET", redisdb.KeyPurchase(sale(i)), "count"), sale(i))
	}
	require.Equal(t, ended, members(t, redisdb.KeyEndedPurchases()))
}

// listing gives the record of migration 2.
func listing(t *testing.T) Record {
	t.Helper()
	record, err := parseRecord(order(t, "HGET", redisdb.KeyMigrations(), "2"))
	require.NoError(t, err)
	return record
}

func TestACopyAndAFinishListEveryPurchaseOfAnOlderProgram(t *testing.T) {
	db, ended := open(t), map[string]string{}
	for i := range 100 {
		status := everyStatus[i%6]
		sell(t, i, status, 1000+i)
		if status == "cancelled" || status == "expired" {
			ended[sale(i)] = strconv.Itoa(1000 + i)
		}
	}
	// This version has made one of them, and the older program has paid another that this version let expire.
	order(t, "HSET", redisdb.KeyPurchase(sale(10)), "count", "1")
	order(t, "ZADD", redisdb.KeyAllPurchases(), "0", sale(10))
	order(t, "ZADD", redisdb.KeyEndedPurchases(), "5", sale(1))
	require.NoError(t, quick(t, db, "api-1", All()...).round(t.Context()))
	requireListed(t, 100, ended)
	require.Equal(t, []any{Copied, int64(100), int64(100)}, []any{listing(t).State, listing(t).Seen, listing(t).Changed})
	require.Len(t, members(t, redisdb.KeyPurchases("cancelled")), 17, "the release before reads them still")

	sell(t, 100, "pending", 2000) // the older program makes one, lets one expire, and pays one that has
	move(t, 0, "pending", "expired", 2001)
	move(t, 4, "expired", "paid", 2002)
	ended[sale(0)] = "2001"
	delete(ended, sale(4))
	var said []string
	require.NoError(t, Finish(t.Context(), db, All(), 3, "finish",
		func(format string, a ...any) { said = append(said, fmt.Sprintf(format, a...)) }))
	requireListed(t, 101, ended)
	require.Contains(t, said, "migration 2 (purchases stand in one list of all) is copied once more: 101 objects, 3 of them changed")
	for _, status := range everyStatus {
		open := status == "pending" || status == "paid"
		require.Equal(t, open, len(members(t, redisdb.KeyPurchases(status))) > 0, status)
	}
	require.Equal(t, "3", order(t, "GET", redisdb.KeySchema()))
}

func TestAFinishFromLayout2RepeatsOnlyWhatLayout3Needs(t *testing.T) {
	db := open(t)
	order(t, "SET", redisdb.KeySchema(), "2")
	require.Eventually(t, func() bool { return db.Layout() == 2 }, generous, 10*time.Millisecond)
	store(t, 1, 1)
	sell(t, 0, "cancelled", 7)
	require.NoError(t, quick(t, db, "api-1", All()...).round(t.Context()))
	require.Empty(t, order(t, "HGET", redisdb.KeyProduct(id(1)), "updated"), "migration 1 is contracted where layout 2 is in force")
	require.NoError(t, Finish(t.Context(), db, All(), 3, "finish", quiet))
	requireListed(t, 1, map[string]string{sale(0): "7"})
	require.Empty(t, order(t, "HGET", redisdb.KeyProduct(id(1)), "updated"))
}

// writing is a database in which a replica moves a purchase right before the layout comes into force.
type writing struct {
	Database
	write func()
}

func (w writing) Commit(ctx context.Context, cmd redisdb.Command) (redisdb.Result, error) {
	if cmd.Script == layoutScript {
		w.write()
	}
	return w.Database.Commit(ctx, cmd)
}

func TestTheOldListsAreEmptiedHoweverLongTheyAreAndStayAway(t *testing.T) {
	db := open(t)
	order(t, "EVAL", "for i = 1, 12000 do redis.call('ZADD', KEYS[1], 0, 'purchase-that-is-gone-' .. i) end", "1",
		redisdb.KeyPurchases("cancelled"))
	move := func() { sell(t, 0, "cancelled", 7) }
	require.NoError(t, Finish(t.Context(), writing{db, move}, []Migration{purchaseLists()}, 3, "finish", quiet))
	require.Equal(t, "0", order(t, "EXISTS", redisdb.KeyPurchases("cancelled")))
	require.Empty(t, members(t, redisdb.KeyAllPurchases()), "ids without a purchase are not listed")
}
