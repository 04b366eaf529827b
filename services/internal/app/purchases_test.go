package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

func TestAPurchaseGoesFromPendingToFulfilled(t *testing.T) {
	admin := adminOf(t, shared)
	buyer, buyerID := shoptest.Customer(t, admin)
	id := shoptest.Product(t, admin, 5)

	made := buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 2))
	purchase := "/v1/purchases/" + made.Text(t, "id")
	require.Equal(t, purchase, made.Header.Get("Location"))
	require.Equal(t, `"1"`, made.Header.Get("ETag"))
	require.Equal(t, "pending", made.Text(t, "status"))
	require.Equal(t, buyerID, made.Text(t, "user_id"))
	require.Equal(t, "3998", made.Text(t, "total", "amount"))
	until, err := time.Parse(time.RFC3339, made.Text(t, "reserved_until"))
	require.NoError(t, err)
	require.InDelta(t, 15*60, time.Until(until).Seconds(), 5)
	require.Equal(t, shoptest.Ledger{Initial: 5, Sold: 2, Stock: 3}, shoptest.LedgerOf(t, admin, id))

	buyer.Refused(t, 403, "forbidden", "POST", purchase+"/pay", shoptest.Object{"reference": "pi_1"})
	paid := admin.Want(t, 200, "POST", purchase+"/pay", shoptest.Object{"reference": "pi_1"})
	require.Equal(t, "paid", paid.Text(t, "status"))
	require.Equal(t, "pi_1", paid.Text(t, "payment_reference"))
	admin.Refused(t, 409, "wrong-status", "POST", purchase+"/cancel", nil)

	require.Equal(t, "fulfilled", admin.Want(t, 200, "POST", purchase+"/fulfil", nil).Text(t, "status"))
	read := buyer.Want(t, 200, "GET", purchase, nil)
	require.Equal(t, `"3"`, read.Header.Get("ETag"))
	require.Equal(t, "fulfilled", read.Text(t, "status"))
}

func TestACancelledPurchaseGivesItsStockBackOnce(t *testing.T) {
	admin := adminOf(t, shared)
	buyer, _ := shoptest.Customer(t, admin)
	id := shoptest.Product(t, admin, 5)
	purchase := "/v1/purchases/" + buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 5)).Text(t, "id")

	require.Equal(t, "cancelled", buyer.Want(t, 200, "POST", purchase+"/cancel", nil).Text(t, "status"))
	buyer.Refused(t, 409, "wrong-status", "POST", purchase+"/cancel", nil)
	buyer.Refused(t, 409, "wrong-status", "DELETE", purchase, nil)
	require.Equal(t, shoptest.Ledger{Initial: 5, Sold: 5, Returned: 5, Stock: 5}, shoptest.LedgerOf(t, admin, id))

	purchase = "/v1/purchases/" + buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1)).Text(t, "id")
	require.Empty(t, buyer.Want(t, 204, "DELETE", purchase, nil).Body)
	require.Equal(t, "cancelled", buyer.Want(t, 200, "GET", purchase, nil).Text(t, "status"))
}

func TestARefundGivesBackPartsUntilNothingIsLeft(t *testing.T) {
	admin := adminOf(t, shared)
	one, two := shoptest.Product(t, admin, 10), shoptest.Product(t, admin, 10)
	purchase := "/v1/purchases/" + admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Object{"items": []shoptest.Object{
		{"product_id": one, "quantity": 2}, {"product_id": two, "quantity": 3},
		{"product_id": one, "quantity": 1, "unit_price": shoptest.Euros(100)},
	}}).Text(t, "id")
	admin.Refused(t, 409, "wrong-status", "POST", purchase+"/refund", nil)
	admin.Want(t, 200, "POST", purchase+"/pay", shoptest.Object{"reference": "r"})

	part := admin.Want(t, 200, "POST", purchase+"/refund", shoptest.Object{"external_ref": "C1", "items": []shoptest.Object{{"product_id": one, "quantity": 3}}})
	require.Equal(t, "paid", part.Text(t, "status"))
	require.Equal(t, "4098", part.Text(t, "refunded_total", "amount"))
	require.Equal(t, shoptest.Ledger{Initial: 10, Sold: 3, Returned: 3, Stock: 10}, shoptest.LedgerOf(t, admin, one))

	admin.Refused(t, 409, "external-ref-used", "POST", purchase+"/refund", shoptest.Object{"external_ref": "C1"})
	over := admin.Refused(t, 409, "more-than-left", "POST", purchase+"/refund", shoptest.Object{"items": []shoptest.Object{{"product_id": two, "quantity": 4}}})
	require.Equal(t, "/items/0/quantity", over.Errors[0].Pointer)
	require.EqualValues(t, 3, *over.Errors[0].Available)

	rest := admin.Want(t, 200, "POST", purchase+"/refund", nil)
	require.Equal(t, "refunded", rest.Text(t, "status"))
	require.Equal(t, shoptest.Ledger{Initial: 10, Sold: 3, Returned: 3, Stock: 10}, shoptest.LedgerOf(t, admin, two))
	admin.Refused(t, 409, "wrong-status", "POST", purchase+"/refund", nil)
	admin.Refused(t, 409, "external-ref-used", "POST", purchase+"/refund", shoptest.Object{"external_ref": "C1"})
}

func TestAShortageTakesNothingAndSaysWhatIsThere(t *testing.T) {
	admin := adminOf(t, shared)
	plenty, scarce := shoptest.Product(t, admin, 100), shoptest.Product(t, admin, 3)
	p := admin.Refused(t, 409, "insufficient-stock", "POST", "/v1/purchases", shoptest.Object{"items": []shoptest.Object{
		{"product_id": plenty, "quantity": 1}, {"product_id": scarce, "quantity": 2}, {"product_id": scarce, "quantity": 2},
	}})
	require.Len(t, p.Errors, 1)
	require.Equal(t, "/items/1/quantity", p.Errors[0].Pointer)
	require.Equal(t, scarce, p.Errors[0].ProductID)
	require.EqualValues(t, 3, *p.Errors[0].Available)
	require.Equal(t, shoptest.Ledger{Initial: 100, Stock: 100}, shoptest.LedgerOf(t, admin, plenty))
}

func TestALineFreezesNameAndPrice(t *testing.T) {
	admin := adminOf(t, shared)
	id := shoptest.Product(t, admin, 10)
	made := admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1))
	admin.Want(t, 200, "PATCH", "/v1/products/"+id, shoptest.Object{"name": "Renamed", "price": shoptest.Euros(1)})
	require.JSONEq(t, string(made.Body), string(admin.Want(t, 200, "GET", "/v1/purchases/"+made.Text(t, "id"), nil).Body))
	require.Equal(t, "1", admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1)).Text(t, "total", "amount"))
}

func TestAThousandLinesAreSoldAtOnceAndOneMoreIsRefused(t *testing.T) {
	admin := adminOf(t, shared)
	a, b := shoptest.Product(t, admin, 2000), shoptest.Product(t, admin, 2000)
	lines := make([]shoptest.Object, 1000)
	for i := range lines {
		lines[i] = shoptest.Object{"product_id": []string{a, b}[i%2], "quantity": 1, "unit_price": shoptest.Euros(int64(i))}
	}
	made := admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Object{"items": lines})
	require.Equal(t, "499500", made.Text(t, "total", "amount"))
	require.Equal(t, int64(500), shoptest.LedgerOf(t, admin, a).Sold)

	p := admin.Refused(t, 422, "invalid", "POST", "/v1/purchases", shoptest.Object{"items": append(lines, lines[0])})
	require.Equal(t, "/items", p.Errors[0].Pointer)
	admin.Want(t, 200, "POST", "/v1/purchases/"+made.Text(t, "id")+"/cancel", nil)
	require.Equal(t, int64(2000), shoptest.LedgerOf(t, admin, b).Stock)
}

func TestOnlyAdminsBuyForOthersAndAgreeOnPrices(t *testing.T) {
	admin := adminOf(t, shared)
	buyer, buyerID := shoptest.Customer(t, admin)
	id := shoptest.Product(t, admin, 10)
	agreed := shoptest.Object{"user_id": buyerID, "items": []shoptest.Object{{"product_id": id, "quantity": 2, "unit_price": shoptest.Euros(500)}}}

	made := admin.Want(t, 201, "POST", "/v1/purchases", agreed)
	require.Equal(t, buyerID, made.Text(t, "user_id"))
	require.Equal(t, "1000", made.Text(t, "total", "amount"))
	buyer.Want(t, 200, "GET", "/v1/purchases/"+made.Text(t, "id"), nil)

	p := buyer.Refused(t, 403, "forbidden", "POST", "/v1/purchases", agreed)
	require.Equal(t, "/items/0/unit_price", p.Errors[0].Pointer)
	admin.Refused(t, 422, "invalid", "POST", "/v1/purchases", shoptest.Object{"user_id": id, "items": agreed["items"]})
}

func TestAnExternalRefIsUsedOnce(t *testing.T) {
	admin := adminOf(t, shared)
	id, ref := shoptest.Product(t, admin, 10), shoptest.Unique("INV")
	body := shoptest.Order(id, 1)
	body["external_ref"] = ref
	first := admin.Want(t, 201, "POST", "/v1/purchases", body).Text(t, "id")
	p := admin.Refused(t, 409, "external-ref-used", "POST", "/v1/purchases", body)
	require.Contains(t, p.Detail, first)
	require.Equal(t, int64(9), shoptest.LedgerOf(t, admin, id).Stock)

	var list struct{ Data []struct{ ID string } }
	admin.Want(t, 200, "GET", "/v1/purchases?external_ref="+ref, nil).Into(t, &list)
	require.Len(t, list.Data, 1)
	require.Equal(t, first, list.Data[0].ID)
}

func TestWhatIsSomeoneElsesIsNotThere(t *testing.T) {
	admin := adminOf(t, shared)
	ann, annID := shoptest.Customer(t, admin)
	bob, _ := shoptest.Customer(t, admin)
	id := shoptest.Product(t, admin, 10)
	purchase := "/v1/purchases/" + ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1)).Text(t, "id")

	bob.Refused(t, 404, "no-purchase", "GET", purchase, nil)
	bob.Refused(t, 404, "no-purchase", "POST", purchase+"/cancel", nil)
	bob.Refused(t, 404, "no-purchase", "DELETE", purchase, nil)
	bob.Refused(t, 404, "no-user", "GET", "/v1/users/"+annID, nil)
	bob.Refused(t, 404, "no-user", "PATCH", "/v1/users/"+annID, shoptest.Object{"first_name": "x"})
	bob.Refused(t, 404, "no-user", "DELETE", "/v1/users/"+annID, nil)
	bob.Refused(t, 403, "forbidden", "GET", "/v1/purchases?user_id="+annID, nil)
	shoptest.New(shared.URL()).Refused(t, 401, "no-session", "GET", purchase, nil)
	require.Equal(t, "pending", ann.Want(t, 200, "GET", purchase, nil).Text(t, "status"))
}

func TestPurchasesAreListedNewestFirstByStatusAndPageByPage(t *testing.T) {
	admin := adminOf(t, shared)
	buyer, buyerID := shoptest.Customer(t, admin)
	id := shoptest.Product(t, admin, 100)
	var made []string
	for i := range 5 {
		made = append([]string{buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1)).Text(t, "id")}, made...)
		if i%2 == 0 {
			admin.Want(t, 200, "POST", "/v1/purchases/"+made[0]+"/pay", shoptest.Object{"reference": "r"})
		}
	}
	require.Equal(t, made, pages(t, buyer, "/v1/purchases?limit=2"))
	require.Equal(t, []string{made[0], made[2], made[4]}, pages(t, buyer, "/v1/purchases?limit=2&status=paid"))
	require.Equal(t, made, pages(t, admin, "/v1/purchases?limit=3&user_id="+buyerID))
	require.Subset(t, pages(t, admin, "/v1/purchases?limit=100"), made)
	require.Subset(t, pages(t, admin, "/v1/purchases?limit=100&status=pending"), []string{made[1], made[3]})
}

// pages walks a list to its end, by cursor and by Link, which must agree.
func pages(t *testing.T, c *shoptest.Client, path string) []string {
	t.Helper()
	var ids []string
	for {
		a := c.Want(t, http.StatusOK, "GET", path, nil)
		var page struct {
			Data       []struct{ ID string }
			HasMore    bool    `json:"has_more"`
			NextCursor *string `json:"next_cursor"`
		}
		a.Into(t, &page)
		for _, item := range page.Data {
			ids = append(ids, item.ID)
		}
		if !page.HasMore {
			require.Nil(t, page.NextCursor)
			require.Empty(t, a.Header.Get("Link"))
			return ids
		}
		next, found := strings.CutSuffix(strings.TrimPrefix(a.Header.Get("Link"), "<"), `>; rel="next"`)
		require.True(t, found, a.Header.Get("Link"))
		require.Contains(t, next, *page.NextCursor)
		path = next
	}
}
