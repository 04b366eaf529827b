package app_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// aged makes a purchase older: its last change was so long ago.
func aged(t *testing.T, s *stack.Stack, id string, age time.Duration) {
	t.Helper()
	asked(t, s, `redis.call('HSET', 'evg:purchase:' .. KEYS[1], 'updated', '`+strconv.FormatInt(time.Now().Add(-age).UnixMilli(), 10)+`')
		redis.call('ZADD', 'evg:purchases:ended', 'XX', '`+strconv.FormatInt(time.Now().Add(-age).UnixMilli(), 10)+`', KEYS[1])
		return 'done'`, id)
}

func ended(t *testing.T, admin, buyer *shoptest.Client, body shoptest.Object) string {
	t.Helper()
	id := buyer.Want(t, 201, "POST", "/v1/purchases", body).Text(t, "id")
	admin.Want(t, 200, "POST", "/v1/purchases/"+id+"/cancel", nil)
	return id
}

func TestOldCancelledPurchasesArePurgedAndTheirReferencesStayTaken(t *testing.T) {
	s, admin := bounded(t, nil)
	buyer, user := shoptest.Customer(t, admin)
	product := shoptest.Product(t, admin, 100)
	ref := shoptest.Unique("ref")
	order := func() shoptest.Object { return shoptest.Order(product, 1) }
	named := order()
	named["external_ref"] = ref
	old, fresh, paidFor := ended(t, admin, buyer, named), ended(t, admin, buyer, order()), ended(t, admin, buyer, order())
	pending := buyer.Want(t, 201, "POST", "/v1/purchases", order()).Text(t, "id")
	asked(t, s, `return redis.call('HSET', 'evg:purchase:' .. KEYS[1], 'reference', 'a payment that came for it') .. ''`, paidFor)
	const month = 30 * 24 * time.Hour
	aged(t, s, fresh, month-time.Hour)
	aged(t, s, paidFor, month+time.Hour)
	aged(t, s, old, month+time.Hour)

	require.Eventually(t, func() bool { return buyer.Current().Do(t, "GET", "/v1/purchases/"+old, nil).Status == 404 },
		20*time.Second, 200*time.Millisecond)
	for _, id := range []string{fresh, paidFor, pending} {
		buyer.Current().Want(t, 200, "GET", "/v1/purchases/"+id, nil)
	}
	for _, path := range []string{"/v1/purchases?limit=100", "/v1/purchases?limit=100&user_id=" + user,
		"/v1/purchases?status=cancelled&limit=100"} {
		for _, p := range shoptest.Purchases(t, admin, path) {
			require.NotEqual(t, old, p.ID, path)
		}
	}
	for _, list := range []string{"evg:purchases", "evg:purchases:ended", "evg:user:" + user + ":purchases"} {
		require.Equal(t, "0", asked(t, s, `return redis.call('ZSCORE', KEYS[1], '`+old+`') and '1' or '0'`, list),
			"%s has no entry left", list)
	}
	p := admin.Refused(t, 409, "external-ref-used", "POST", "/v1/purchases", named)
	require.Contains(t, p.Detail, old)
	events := asked(t, s, `local n = 0
		for _, e in ipairs(redis.call('XRANGE', 'evg:events', '-', '+')) do
			if table.concat(e[2], ' '):find('purchase.purged id ' .. KEYS[1], 1, true) then n = n + 1 end
		end
		return tostring(n)`, old)
	require.Equal(t, "1", events)
	kinds, addresses, sum := unpaidBytes(t, s)
	require.Equal(t, []string{sum, sum}, []string{kinds, addresses}, "its bytes are not counted any more")
	require.Equal(t, "1", asked(t, s, `return tostring(redis.call('ZCARD', KEYS[1]))`, "evg:purchases:ended"),
		"the one with a payment's reference leaves the list, so that it is not looked at again")
}

func TestTheRecordOfADeletedUserGoesWithTheLastPurchase(t *testing.T) {
	s, admin := bounded(t, nil)
	buyer, user := shoptest.Customer(t, admin)
	old := ended(t, admin, buyer, shoptest.Order(shoptest.Product(t, admin, 100), 1))
	admin.Want(t, 204, "DELETE", "/v1/users/"+user, nil)
	left := func() string {
		return strings.TrimSpace(asked(t, s, `return table.concat(redis.call('KEYS', 'evg:*' .. KEYS[1] .. '*'), ' ')`, user))
	}
	require.NotEmpty(t, left())
	aged(t, s, old, 31*24*time.Hour)
	require.Eventually(t, func() bool { return left() == "" }, 20*time.Second, 200*time.Millisecond, "%s", left())
}
