package app_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

// mostPageBytes is how long a page of purchases with their lines is at most.
const mostPageBytes = 1 << 20

func TestAListOfPurchasesShowsSummariesAndReadsNoLines(t *testing.T) {
	admin := adminOf(t, shared)
	buyer, buyerID := shoptest.Customer(t, admin)
	first, second, ref := shoptest.Product(t, admin, 10), shoptest.Product(t, admin, 10), shoptest.Unique("ref")
	order := shoptest.Object{"items": []shoptest.Object{shoptest.Line(first, 2), shoptest.Line(second, 1)}, "external_ref": ref}
	made := buyer.Want(t, 201, "POST", "/v1/purchases", order)
	id := made.Text(t, "id")
	whole := buyer.Current().Want(t, 200, "GET", "/v1/purchases/"+id, nil)
	lines := redis(t, "HGET", "evg:purchase:"+id, "lines")
	redis(t, "HSET", "evg:purchase:"+id, "lines", "x", "people", "x")
	for _, path := range []string{"/v1/purchases?", "/v1/purchases?status=pending", "/v1/purchases?external_ref=" + ref,
		"/v1/purchases?user_id=" + buyerID} {
		var list struct{ Data []map[string]any }
		buyer.Current().Want(t, 200, "GET", path, nil).Into(t, &list)
		require.Len(t, list.Data, 1, path)
		var want map[string]any
		whole.Into(t, &want)
		delete(want, "items")
		want["line_count"] = 2.0
		require.Equal(t, want, list.Data[0], path)
	}
	redis(t, "HSET", "evg:purchase:"+id, "lines", lines, "people", `[{"name":"A"},{"name":"B"}]`)
	var list struct {
		Data []struct{ Items []map[string]any }
	}
	buyer.Current().Want(t, 200, "GET", "/v1/purchases?expand=items", nil).Into(t, &list)
	require.Len(t, list.Data[0].Items, 2)
	admin.Want(t, 200, "POST", "/v1/purchases/"+id+"/pay", shoptest.Object{"reference": "P-1"})
	require.Contains(t, string(buyer.Current().Want(t, 200, "GET", "/v1/purchases", nil).Body), `"payment_reference":"P-1"`)
	for _, value := range []string{"lines", "items,items", "Items"} {
		buyer.Refused(t, 400, "bad-parameter", "GET", "/v1/purchases?expand="+value, nil)
	}
}

func TestAPageOfPurchasesWithTheirLinesIsBoundedAndNoneIsMissing(t *testing.T) {
	const large = 9
	admin := adminOf(t, shared)
	_, buyerID := shoptest.Customer(t, admin)
	products := fillCatalogue(t, admin, 1000)
	lines := make([]shoptest.Object, len(products))
	for i, id := range products {
		lines[i] = shoptest.Line(id, 1)
	}
	var made []string
	buy := func(lines []shoptest.Object) {
		order := shoptest.Object{"items": lines, "user_id": buyerID}
		made = append([]string{admin.Want(t, 201, "POST", "/v1/purchases", order).Text(t, "id")}, made...)
	}
	for range large {
		buy(lines[:1])
		buy(lines)
	}
	path, found, short := "/v1/purchases?limit=15&expand=items&user_id="+buyerID, []string(nil), 0
	for at := path; ; {
		var page struct {
			Data []struct {
				ID    string
				Items []any
			}
			More bool   `json:"has_more"`
			Next string `json:"next_cursor"`
		}
		a := admin.Current().Want(t, 200, "GET", at, nil)
		require.LessOrEqual(t, len(a.Body), mostPageBytes)
		a.Into(t, &page)
		require.NotEmpty(t, page.Data)
		for _, p := range page.Data {
			found = append(found, p.ID)
			require.Contains(t, []int{1, 1000}, len(p.Items))
		}
		if !page.More {
			break
		}
		if len(page.Data) < 15 {
			short++
		}
		at = fmt.Sprint(path, "&cursor=", page.Next)
	}
	require.Equal(t, made, found)
	require.Positive(t, short, "pages that end before their limit")
	require.Len(t, list(t, admin, "/v1/purchases?limit=100&user_id="+buyerID).Data, 2*large)
}
