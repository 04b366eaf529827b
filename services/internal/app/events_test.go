package app_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

// entryID is how Redis names an entry of a stream.
var entryID = regexp.MustCompile(`^\d+-\d+$`)

// eventsWith reads the newest events whose field has this value, oldest first.
func eventsWith(t *testing.T, field, value string) (found []map[string]string) {
	t.Helper()
	reply, err := shared.Redis(t.Context(), primary(t), "XREVRANGE", "evg:events", "+", "-", "COUNT", "200")
	require.NoError(t, err)
	lines := strings.Split(reply, "\n")
	for i := 0; i < len(lines); {
		require.Regexp(t, entryID, lines[i])
		event := map[string]string{}
		for i++; i+1 < len(lines) && !entryID.MatchString(lines[i]); i += 2 {
			event[lines[i]] = lines[i+1]
		}
		if event[field] == value {
			found = append([]map[string]string{event}, found...)
		}
	}
	return found
}

// requireEvent demands that a request has left this event and no other.
func requireEvent(t *testing.T, a shoptest.Answer, kind, id, version, actor string, more ...string) {
	t.Helper()
	request := a.Header.Get("X-Request-Id")
	want := map[string]string{"kind": kind, "id": id, "version": version, "request": request, "actor": actor}
	for i := 0; i < len(more); i += 2 {
		want[more[i]] = more[i+1]
	}
	t.Run("the event "+kind, func(t *testing.T) {
		require.Equal(t, []map[string]string{want}, eventsWith(t, "request", request))
	})
}

func TestEveryWriteOfAUserLeavesItsEvent(t *testing.T) {
	admin := adminOf(t, shared)
	adminID := admin.Want(t, 200, "GET", "/v1/sessions/current", nil).Text(t, "user", "id")
	email := shoptest.Unique("told") + "@example.com"
	body := shoptest.Object{"email": email, "password": shoptest.Password}

	made := shoptest.New(shared.URL()).Want(t, 201, "POST", "/v1/users", body)
	annID := made.Text(t, "id")
	requireEvent(t, made, "user.created", annID, "1", "")
	made = admin.Want(t, 201, "POST", "/v1/users", shoptest.Object{"email": "by-an-admin-" + email, "password": shoptest.Password})
	requireEvent(t, made, "user.created", made.Text(t, "id"), "1", adminID)

	opened := admin.Want(t, 201, "POST", "/v1/sessions", body)
	requireEvent(t, opened, "session.opened", annID, "0", annID)
	ann := admin.As(opened.Text(t, "token"))
	changed := ann.Want(t, 200, "PATCH", "/v1/users/"+annID, shoptest.Object{"first_name": "Ann"})
	requireEvent(t, changed, "user.changed", annID, "2", annID)
	requireEvent(t, ann.Want(t, 204, "DELETE", "/v1/sessions/current", nil), "session.ended", annID, "0", annID)
	requireEvent(t, admin.Want(t, 204, "DELETE", "/v1/users/"+annID, nil), "user.deleted", annID, "3", adminID)
}

func TestEveryWriteOfAProductLeavesItsEvent(t *testing.T) {
	admin := adminOf(t, shared)
	adminID := admin.Want(t, 200, "GET", "/v1/sessions/current", nil).Text(t, "user", "id")
	made := admin.Want(t, 201, "POST", "/v1/products", fullProduct())
	id, path := made.Text(t, "id"), made.Header.Get("Location")
	requireEvent(t, made, "product.created", id, "1", adminID)
	requireEvent(t, admin.Want(t, 200, "PATCH", path, shoptest.Object{"name": "Other"}), "product.changed", id, "2", adminID)
	adjusted := admin.Want(t, 200, "POST", path+"/stock", shoptest.Object{"delta": -2, "reason": "two are broken"})
	requireEvent(t, adjusted, "product.adjusted", id, "2", adminID, "delta", "-2", "reason", "two are broken")
	requireEvent(t, admin.Want(t, 204, "DELETE", path, nil), "product.deleted", id, "2", adminID)
}

func TestEveryMoveOfAPurchaseLeavesItsEvent(t *testing.T) {
	admin := adminOf(t, shared)
	adminID := admin.Want(t, 200, "GET", "/v1/sessions/current", nil).Text(t, "user", "id")
	buyer, buyerID := shoptest.Customer(t, admin)
	product := shoptest.Product(t, admin, 100)
	buy := func() (id, path string) {
		made := buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 3))
		requireEvent(t, made, "purchase.pending", made.Text(t, "id"), "1", buyerID)
		return made.Text(t, "id"), made.Header.Get("Location")
	}

	id, path := buy()
	requireEvent(t, admin.Want(t, 200, "POST", path+"/pay", shoptest.Object{"reference": "r"}), "purchase.paid", id, "2", adminID)
	requireEvent(t, admin.Want(t, 200, "POST", path+"/fulfil", nil), "purchase.fulfilled", id, "3", adminID)
	part := shoptest.Object{"items": []shoptest.Object{shoptest.Line(product, 1)}}
	requireEvent(t, admin.Want(t, 200, "POST", path+"/refund", part), "purchase.changed", id, "4", adminID)
	requireEvent(t, admin.Want(t, 200, "POST", path+"/refund", nil), "purchase.refunded", id, "5", adminID)

	id, path = buy()
	requireEvent(t, buyer.Want(t, 200, "POST", path+"/cancel", nil), "purchase.cancelled", id, "2", buyerID)
	id, path = buy()
	keyed := admin.Keyed(shoptest.Unique("key"))
	requireEvent(t, keyed.Want(t, 204, "DELETE", path, nil), "purchase.cancelled", id, "2", adminID)
	again := keyed.Want(t, 204, "DELETE", path, nil)
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	require.Empty(t, eventsWith(t, "request", again.Header.Get("X-Request-Id")), "a replay does nothing")

	id, path = buy()
	expire(t, id)
	awaitExpiry(t, buyer, path)
	told := eventsWith(t, "id", id)
	require.Len(t, told, 2, "both replicas have looked, and one has expired it")
	want := map[string]string{"kind": "purchase.expired", "id": id, "version": "2", "request": "", "actor": "sweeper"}
	require.Equal(t, want, told[1])
}

func awaitExpiry(t *testing.T, c *shoptest.Client, path string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return c.Want(t, 200, "GET", path, nil).Text(t, "status") == "expired"
	}, 10*time.Second, 20*time.Millisecond)
}

// expire sends a pending purchase 15 minutes into the future in no time.
func expire(t *testing.T, id string) {
	t.Helper()
	for _, command := range [][]string{{"HSET", "evg:purchase:" + id, "reserved", "1"}, {"ZADD", "evg:reservations", "1", id}} {
		_, err := shared.Redis(t.Context(), primary(t), command...)
		require.NoError(t, err)
	}
}
