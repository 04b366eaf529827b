package app_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/users"
)

// mentionsScript names the keys that an id stands in: in their names, as a member of
// a sorted set, or as a value. Answers load objects by their lists and leave out what
// is not there, so an entry that was left in a list is seen only here.
const mentionsScript = `local found = {}
for _, key in ipairs(redis.call('KEYS', 'evg:*')) do
  local kind = redis.call('TYPE', key).ok
  if string.find(key, ARGV[1], 1, true) or (kind == 'zset' and redis.call('ZSCORE', key, ARGV[1]))
    or (kind == 'string' and redis.call('GET', key) == ARGV[1]) then found[#found + 1] = key end
end
table.sort(found)
return found`

func mentions(t *testing.T, id string) []string {
	t.Helper()
	return strings.Fields(redis(t, "EVAL", mentionsScript, "0", id))
}

func TestAProductStandsInTheListsOfItsPresentValuesAndNowhereOnceItIsDeleted(t *testing.T) {
	admin := adminOf(t, shared)
	in := fullProduct()
	made := admin.Want(t, 201, "POST", "/v1/products", in)
	id, path := made.Text(t, "id"), made.Header.Get("Location")
	sku, category, tag := shoptest.Unique("sku"), shoptest.Unique("category"), shoptest.Unique("tag")
	patch := shoptest.Object{"sku": sku, "category": category, "family": nil, "tags": []string{tag, "Beads"}}
	admin.Want(t, 200, "PATCH", path, patch)
	require.ElementsMatch(t, []string{
		"evg:product:" + id, "evg:product_sku:" + sku, "evg:products", "evg:products:category:" + category,
		"evg:products:tag:" + tag, "evg:products:tag:Beads",
	}, mentions(t, id))
	admin.Want(t, 200, "POST", path+"/stock", shoptest.Object{"delta": 1, "reason": "found", "external_ref": "A1"})
	require.Contains(t, mentions(t, id), "evg:product:"+id+":adjustments")
	admin.Want(t, 204, "DELETE", path, nil)
	require.Empty(t, mentions(t, id))
}

func TestAPurchaseStandsInTheListOfAllAndWhileItIsOpenInThatOfItsStatus(t *testing.T) {
	admin := adminOf(t, shared)
	buyer, buyerID := shoptest.Customer(t, admin)
	product := shoptest.Product(t, admin, 10)
	lists := map[string][]string{
		"pending": {"evg:purchases:pending", "evg:reservations"}, "paid": {"evg:purchases:paid"}, "cancelled": {"evg:purchases:ended"},
	}
	requireKeys := func(id, status string) {
		t.Helper()
		want := append([]string{"evg:purchase:" + id, "evg:purchases", "evg:user:" + buyerID + ":purchases"}, lists[status]...)
		require.ElementsMatch(t, want, mentions(t, id), status)
	}
	buy := func() (id, path string) {
		made := buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 2))
		requireKeys(made.Text(t, "id"), "pending")
		return made.Text(t, "id"), made.Header.Get("Location")
	}
	id, path := buy()
	buyer.Want(t, 200, "POST", path+"/cancel", nil)
	requireKeys(id, "cancelled")
	id, path = buy()
	for _, step := range []struct {
		action, status string
		body           any
	}{
		{"pay", "paid", shoptest.Object{"reference": "r"}},
		{"fulfil", "fulfilled", nil},
		{"refund", "fulfilled", shoptest.Object{"items": []shoptest.Object{shoptest.Line(product, 1)}}},
		{"refund", "refunded", nil},
	} {
		admin.Want(t, 200, "POST", path+"/"+step.action, step.body)
		requireKeys(id, step.status)
	}
}

func TestAUserAndItsSessionsLeaveNothingBehind(t *testing.T) {
	admin := adminOf(t, shared)
	ann, id := shoptest.Customer(t, admin)
	email := ann.Want(t, 200, "GET", "/v1/users/"+id, nil).Text(t, "email")
	require.ElementsMatch(t, []string{
		"evg:user:" + id, "evg:user:" + id + ":sessions", "evg:user_email:" + users.Fold(email), "evg:users",
	}, mentions(t, id))
	login := func(password string) (*shoptest.Client, string) {
		token := admin.Want(t, 201, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": password}).Text(t, "token")
		sessions := strings.Fields(sessionsOf(t, id))
		return admin.As(token), sessions[len(sessions)-1]
	}
	second, hash := login(shoptest.Password)
	require.Len(t, mentions(t, hash), 2)
	second.Want(t, 204, "DELETE", "/v1/sessions/current", nil)
	require.Empty(t, mentions(t, hash), "a log-out")

	_, hash = login(shoptest.Password)
	ann.Want(t, 200, "PATCH", "/v1/users/"+id, shoptest.Object{"password": "another good password"})
	require.Empty(t, mentions(t, hash), "a new password")
	require.Empty(t, sessionsOf(t, id))

	_, hash = login("another good password")
	redis(t, "ZADD", "evg:user:"+id+":sessions", "1", "one-that-has-expired")
	login("another good password")
	require.Empty(t, mentions(t, "one-that-has-expired"), "a log-in takes off the list what has expired")
	admin.Want(t, 204, "DELETE", "/v1/users/"+id, nil)
	require.Empty(t, mentions(t, hash), "the user is deleted")
	require.Empty(t, mentions(t, id))
}
