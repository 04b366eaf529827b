package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPurchaseGoesFromPendingToFulfilled(t *testing.T) {
	admin := adminOf(t, shared)
	buyer, buyerID := customer(t, admin)
	id := product(t, admin, 5)

	made := buyer.want(t, 201, "POST", "/v1/purchases", order(id, 2))
	purchase := "/v1/purchases/" + made.text(t, "id")
	require.Equal(t, purchase, made.header.Get("Location"))
	require.Equal(t, `"1"`, made.header.Get("ETag"))
	require.Equal(t, "pending", made.text(t, "status"))
	require.Equal(t, buyerID, made.text(t, "user_id"))
	require.Equal(t, "3998", made.text(t, "total", "amount"))
	until, err := time.Parse(time.RFC3339, made.text(t, "reserved_until"))
	require.NoError(t, err)
	require.InDelta(t, 15*60, time.Until(until).Seconds(), 5)
	require.Equal(t, ledger{Initial: 5, Sold: 2, Stock: 3}, ledgerOf(t, admin, id))

	buyer.refused(t, 403, "forbidden", "POST", purchase+"/pay", object{"reference": "pi_1"})
	paid := admin.want(t, 200, "POST", purchase+"/pay", object{"reference": "pi_1"})
	require.Equal(t, "paid", paid.text(t, "status"))
	require.Equal(t, "pi_1", paid.text(t, "payment_reference"))
	admin.refused(t, 409, "wrong-status", "POST", purchase+"/cancel", nil)

	require.Equal(t, "fulfilled", admin.want(t, 200, "POST", purchase+"/fulfil", nil).text(t, "status"))
	read := buyer.want(t, 200, "GET", purchase, nil)
	require.Equal(t, `"3"`, read.header.Get("ETag"))
	require.Equal(t, "fulfilled", read.text(t, "status"))
}

func TestACancelledPurchaseGivesItsStockBackOnce(t *testing.T) {
	admin := adminOf(t, shared)
	buyer, _ := customer(t, admin)
	id := product(t, admin, 5)
	purchase := "/v1/purchases/" + buyer.want(t, 201, "POST", "/v1/purchases", order(id, 5)).text(t, "id")

	require.Equal(t, "cancelled", buyer.want(t, 200, "POST", purchase+"/cancel", nil).text(t, "status"))
	buyer.refused(t, 409, "wrong-status", "POST", purchase+"/cancel", nil)
	buyer.refused(t, 409, "wrong-status", "DELETE", purchase, nil)
	require.Equal(t, ledger{Initial: 5, Sold: 5, Returned: 5, Stock: 5}, ledgerOf(t, admin, id))

	purchase = "/v1/purchases/" + buyer.want(t, 201, "POST", "/v1/purchases", order(id, 1)).text(t, "id")
	require.Empty(t, buyer.want(t, 204, "DELETE", purchase, nil).body)
	require.Equal(t, "cancelled", buyer.want(t, 200, "GET", purchase, nil).text(t, "status"))
}

func TestARefundGivesBackPartsUntilNothingIsLeft(t *testing.T) {
	admin := adminOf(t, shared)
	one, two := product(t, admin, 10), product(t, admin, 10)
	purchase := "/v1/purchases/" + admin.want(t, 201, "POST", "/v1/purchases", object{"items": []object{
		{"product_id": one, "quantity": 2}, {"product_id": two, "quantity": 3},
		{"product_id": one, "quantity": 1, "unit_price": euros(100)},
	}}).text(t, "id")
	admin.refused(t, 409, "wrong-status", "POST", purchase+"/refund", nil)
	admin.want(t, 200, "POST", purchase+"/pay", object{"reference": "r"})

	part := admin.want(t, 200, "POST", purchase+"/refund", object{"external_ref": "C1", "items": []object{{"product_id": one, "quantity": 3}}})
	require.Equal(t, "paid", part.text(t, "status"))
	require.Equal(t, "4098", part.text(t, "refunded_total", "amount"))
	require.Equal(t, ledger{Initial: 10, Sold: 3, Returned: 3, Stock: 10}, ledgerOf(t, admin, one))

	admin.refused(t, 409, "external-ref-used", "POST", purchase+"/refund", object{"external_ref": "C1"})
	over := admin.refused(t, 409, "more-than-left", "POST", purchase+"/refund", object{"items": []object{{"product_id": two, "quantity": 4}}})
	require.Equal(t, "/items/0/quantity", over.Errors[0].Pointer)
	require.EqualValues(t, 3, *over.Errors[0].Available)

	rest := admin.want(t, 200, "POST", purchase+"/refund", nil)
	require.Equal(t, "refunded", rest.text(t, "status"))
	require.Equal(t, ledger{Initial: 10, Sold: 3, Returned: 3, Stock: 10}, ledgerOf(t, admin, two))
	admin.refused(t, 409, "wrong-status", "POST", purchase+"/refund", nil)
	admin.refused(t, 409, "external-ref-used", "POST", purchase+"/refund", object{"external_ref": "C1"})
}

func TestAShortageTakesNothingAndSaysWhatIsThere(t *testing.T) {
	admin := adminOf(t, shared)
	plenty, scarce := product(t, admin, 100), product(t, admin, 3)
	p := admin.refused(t, 409, "insufficient-stock", "POST", "/v1/purchases", object{"items": []object{
		{"product_id": plenty, "quantity": 1}, {"product_id": scarce, "quantity": 2}, {"product_id": scarce, "quantity": 2},
	}})
	require.Len(t, p.Errors, 1)
	require.Equal(t, "/items/1/quantity", p.Errors[0].Pointer)
	require.Equal(t, scarce, p.Errors[0].ProductID)
	require.EqualValues(t, 3, *p.Errors[0].Available)
	require.Equal(t, ledger{Initial: 100, Stock: 100}, ledgerOf(t, admin, plenty))
}

func TestALineFreezesNameAndPrice(t *testing.T) {
	admin := adminOf(t, shared)
	id := product(t, admin, 10)
	made := admin.want(t, 201, "POST", "/v1/purchases", order(id, 1))
	admin.want(t, 200, "PATCH", "/v1/products/"+id, object{"name": "Renamed", "price": euros(1)})
	require.JSONEq(t, string(made.body), string(admin.want(t, 200, "GET", "/v1/purchases/"+made.text(t, "id"), nil).body))
	require.Equal(t, "1", admin.want(t, 201, "POST", "/v1/purchases", order(id, 1)).text(t, "total", "amount"))
}

func TestAThousandLinesAreSoldAtOnceAndOneMoreIsRefused(t *testing.T) {
	admin := adminOf(t, shared)
	a, b := product(t, admin, 2000), product(t, admin, 2000)
	lines := make([]object, 1000)
	for i := range lines {
		lines[i] = object{"product_id": []string{a, b}[i%2], "quantity": 1, "unit_price": euros(int64(i))}
	}
	made := admin.want(t, 201, "POST", "/v1/purchases", object{"items": lines})
	require.Equal(t, "499500", made.text(t, "total", "amount"))
	require.Equal(t, int64(500), ledgerOf(t, admin, a).Sold)

	p := admin.refused(t, 422, "invalid", "POST", "/v1/purchases", object{"items": append(lines, lines[0])})
	require.Equal(t, "/items", p.Errors[0].Pointer)
	admin.want(t, 200, "POST", "/v1/purchases/"+made.text(t, "id")+"/cancel", nil)
	require.Equal(t, int64(2000), ledgerOf(t, admin, b).Stock)
}

func TestOnlyAdminsBuyForOthersAndAgreeOnPrices(t *testing.T) {
	admin := adminOf(t, shared)
	buyer, buyerID := customer(t, admin)
	id := product(t, admin, 10)
	agreed := object{"user_id": buyerID, "items": []object{{"product_id": id, "quantity": 2, "unit_price": euros(500)}}}

	made := admin.want(t, 201, "POST", "/v1/purchases", agreed)
	require.Equal(t, buyerID, made.text(t, "user_id"))
	require.Equal(t, "1000", made.text(t, "total", "amount"))
	buyer.want(t, 200, "GET", "/v1/purchases/"+made.text(t, "id"), nil)

	p := buyer.refused(t, 403, "forbidden", "POST", "/v1/purchases", agreed)
	require.Equal(t, "/items/0/unit_price", p.Errors[0].Pointer)
	admin.refused(t, 422, "invalid", "POST", "/v1/purchases", object{"user_id": id, "items": agreed["items"]})
}

func TestAnExternalRefIsUsedOnce(t *testing.T) {
	admin := adminOf(t, shared)
	id, ref := product(t, admin, 10), unique("INV")
	body := order(id, 1)
	body["external_ref"] = ref
	first := admin.want(t, 201, "POST", "/v1/purchases", body).text(t, "id")
	p := admin.refused(t, 409, "external-ref-used", "POST", "/v1/purchases", body)
	require.Contains(t, p.Detail, first)
	require.Equal(t, int64(9), ledgerOf(t, admin, id).Stock)

	var list struct{ Data []struct{ ID string } }
	admin.want(t, 200, "GET", "/v1/purchases?external_ref="+ref, nil).into(t, &list)
	require.Len(t, list.Data, 1)
	require.Equal(t, first, list.Data[0].ID)
}

func TestWhatIsSomeoneElsesIsNotThere(t *testing.T) {
	admin := adminOf(t, shared)
	ann, annID := customer(t, admin)
	bob, _ := customer(t, admin)
	id := product(t, admin, 10)
	purchase := "/v1/purchases/" + ann.want(t, 201, "POST", "/v1/purchases", order(id, 1)).text(t, "id")

	bob.refused(t, 404, "no-purchase", "GET", purchase, nil)
	bob.refused(t, 404, "no-purchase", "POST", purchase+"/cancel", nil)
	bob.refused(t, 404, "no-purchase", "DELETE", purchase, nil)
	bob.refused(t, 404, "no-user", "GET", "/v1/users/"+annID, nil)
	bob.refused(t, 404, "no-user", "PATCH", "/v1/users/"+annID, object{"first_name": "x"})
	bob.refused(t, 404, "no-user", "DELETE", "/v1/users/"+annID, nil)
	bob.refused(t, 403, "forbidden", "GET", "/v1/purchases?user_id="+annID, nil)
	newClient(shared.URL()).refused(t, 401, "no-session", "GET", purchase, nil)
	require.Equal(t, "pending", ann.want(t, 200, "GET", purchase, nil).text(t, "status"))
}

func TestPurchasesAreListedNewestFirstByStatusAndPageByPage(t *testing.T) {
	admin := adminOf(t, shared)
	buyer, buyerID := customer(t, admin)
	id := product(t, admin, 100)
	var made []string
	for i := range 5 {
		made = append([]string{buyer.want(t, 201, "POST", "/v1/purchases", order(id, 1)).text(t, "id")}, made...)
		if i%2 == 0 {
			admin.want(t, 200, "POST", "/v1/purchases/"+made[0]+"/pay", object{"reference": "r"})
		}
	}
	require.Equal(t, made, pages(t, buyer, "/v1/purchases?limit=2"))
	require.Equal(t, []string{made[0], made[2], made[4]}, pages(t, buyer, "/v1/purchases?limit=2&status=paid"))
	require.Equal(t, made, pages(t, admin, "/v1/purchases?limit=3&user_id="+buyerID))
	require.Subset(t, pages(t, admin, "/v1/purchases?limit=100"), made)
	require.Subset(t, pages(t, admin, "/v1/purchases?limit=100&status=pending"), []string{made[1], made[3]})
}

// pages walks a list to its end, by cursor and by Link, which must agree.
func pages(t *testing.T, c *client, path string) []string {
	t.Helper()
	var ids []string
	for {
		a := c.want(t, http.StatusOK, "GET", path, nil)
		var page struct {
			Data       []struct{ ID string }
			HasMore    bool    `json:"has_more"`
			NextCursor *string `json:"next_cursor"`
		}
		a.into(t, &page)
		for _, item := range page.Data {
			ids = append(ids, item.ID)
		}
		if !page.HasMore {
			require.Nil(t, page.NextCursor)
			require.Empty(t, a.header.Get("Link"))
			return ids
		}
		next, found := strings.CutSuffix(strings.TrimPrefix(a.header.Get("Link"), "<"), `>; rel="next"`)
		require.True(t, found, a.header.Get("Link"))
		require.Contains(t, next, *page.NextCursor)
		path = next
	}
}
