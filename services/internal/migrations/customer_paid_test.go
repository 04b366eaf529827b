package migrations

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
)

// bought writes purchase i of a customer as a program of layout 1 lists it.
func bought(t *testing.T, i int, user, status string) {
	t.Helper()
	name := fmt.Sprintf("purchase-%04d", i)
	order(t, "HSET", redisdb.KeyPurchase(name), "user", user, "status", status)
	order(t, "ZADD", redisdb.KeyPurchases(status), "0", name)
}

func TestCustomersThatHavePaidAreKnownAfterTheCopyAndNoOthers(t *testing.T) {
	db := open(t)
	for i := range 250 {
		bought(t, i, fmt.Sprint("payer-", i%7), "paid")
	}
	bought(t, 1000, "collector", "fulfilled")
	bought(t, 1001, "returner", "refunded")
	for i, status := range []string{"pending", "cancelled", "expired"} {
		bought(t, 2000+i, "looker", status)
	}
	require.NoError(t, Finish(t.Context(), db, []Migration{customerPaid()}, 3, "here", quiet))
	for _, user := range []string{"payer-0", "payer-6", "collector", "returner"} {
		require.Equal(t, "1", order(t, "HGET", redisdb.KeyHeld(user), "paid"), user)
	}
	require.Equal(t, "0", order(t, "EXISTS", redisdb.KeyHeld("looker")))
}
