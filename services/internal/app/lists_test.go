package app_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
)

// listed is a page of any list.
type listed struct {
	Data []struct{ ID string }
	More bool   `json:"has_more"`
	Next string `json:"next_cursor"` // null is ""
}

func (l listed) ids() (ids []string) {
	for _, item := range l.Data {
		ids = append(ids, item.ID)
	}
	return ids
}

func list(t *testing.T, c *shoptest.Client, path string) (page listed) {
	t.Helper()
	c.Want(t, 200, "GET", path, nil).Into(t, &page)
	return page
}

func TestAPageHasAsManyItemsAsItsLimitAndNotOneMore(t *testing.T) {
	admin := adminOf(t, shared)
	buyer, buyerID := shoptest.Customer(t, admin)
	shoptest.Customer(t, admin)
	category := shoptest.Unique("category")
	for range 3 {
		id := admin.Want(t, 201, "POST", "/v1/products",
			shoptest.Object{"name": "P", "price": shoptest.Euros(1), "category": category, "stock": 1}).Text(t, "id")
		buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(id, 1))
	}
	for _, path := range []string{
		"/v1/users?", "/v1/products?", "/v1/products?category=" + category + "&",
		"/v1/purchases?", "/v1/purchases?status=pending&", "/v1/purchases?user_id=" + buyerID + "&",
	} {
		for limit := 1; limit <= 2; limit++ {
			page := list(t, admin, fmt.Sprint(path, "limit=", limit))
			require.Len(t, page.Data, limit, path)
			require.True(t, page.More, path)
		}
	}
	last := list(t, admin, "/v1/products?limit=3&category="+category)
	require.Len(t, last.Data, 3)
	require.False(t, last.More, "nothing follows a page that ends with the last one")
}

func TestAListGoesOnAfterTheFirstHundredIDs(t *testing.T) {
	admin := adminOf(t, shared)
	buyer, buyerID := shoptest.Customer(t, admin)
	order := shoptest.Order(shoptest.Product(t, admin, 1000), 1)
	order["user_id"] = buyerID
	oldest := admin.Want(t, 201, "POST", "/v1/purchases", order).Text(t, "id")
	admin.Want(t, 200, "POST", "/v1/purchases/"+oldest+"/pay", shoptest.Object{"reference": "r"})
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	for range 101 {
		group.Go(func() error {
			_, err := admin.Expect(ctx, 201, "POST", "/v1/purchases", order)
			return err
		})
	}
	require.NoError(t, group.Wait())

	require.Equal(t, []string{oldest}, pages(t, buyer, "/v1/purchases?status=paid"), "101 that are not paid stand before it")
	all := pages(t, buyer, "/v1/purchases?limit=100")
	require.Len(t, all, 102)
	require.Equal(t, oldest, all[101])
	require.Len(t, list(t, buyer, "/v1/purchases?limit=100").Data, 100)
}

func TestAFilterThatMatchesNothingGivesEmptyPagesThatGoOnToTheEnd(t *testing.T) {
	const each = 620 // more than one page examines
	admin := adminOf(t, shared)
	category, tag := shoptest.Unique("category"), shoptest.Unique("tag")
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(32)
	for i := range 2 * each {
		product := shoptest.Object{"name": "P", "price": shoptest.Euros(1), "category": category}
		if i%2 == 1 {
			product = shoptest.Object{"name": "P", "price": shoptest.Euros(1), "tags": []string{tag}}
		}
		group.Go(func() error {
			_, err := admin.Expect(ctx, 201, "POST", "/v1/products", product)
			return err
		})
	}
	require.NoError(t, group.Wait())
	path := "/v1/products?category=" + category + "&tag=" + tag
	first := list(t, admin.With("Cache-Control", "no-cache"), path)
	require.Empty(t, first.Data)
	require.True(t, first.More, "the page has not examined all that there is")
	second := list(t, admin.With("Cache-Control", "no-cache"), path+"&cursor="+first.Next)
	require.Empty(t, second.Data)
	require.False(t, second.More)
	require.Empty(t, pages(t, admin, path))
}

func TestACursorHoldsForAListOfOneToo(t *testing.T) {
	admin := adminOf(t, shared)
	category, name := shoptest.Unique("category"), shoptest.Unique("one")
	var middle, product string
	for i := range 3 {
		sku := fmt.Sprint(name, i)
		product = admin.Want(t, 201, "POST", "/v1/products",
			shoptest.Object{"name": "P", "price": shoptest.Euros(1), "category": category, "sku": sku, "stock": 9}).Text(t, "id")
		order := shoptest.Order(product, 1)
		order["external_ref"] = sku
		admin.Want(t, 201, "POST", "/v1/purchases", order)
		admin.Want(t, 201, "POST", "/v1/users", shoptest.Object{"email": sku + "@example.com", "password": shoptest.Password})
	}
	for _, row := range []struct{ all, one string }{
		{"/v1/products?category=" + category, "/v1/products?sku=" + name + "1"},
		{"/v1/purchases?status=pending", "/v1/purchases?external_ref=" + name + "1"},
		{"/v1/users?", "/v1/users?email=" + name + "1@example.com"},
	} {
		newest, two := list(t, admin, row.all+"&limit=1"), list(t, admin, row.all+"&limit=2")
		middle = two.Data[1].ID
		require.Equal(t, []string{middle}, list(t, admin, row.one).ids())
		require.Equal(t, []string{middle}, list(t, admin, row.one+"&cursor="+newest.Next).ids(), "it comes after the newest")
		require.Empty(t, list(t, admin, row.one+"&cursor="+two.Next).Data, "the page before ended with it")
	}
}

func TestAPageOfLargePurchasesEndsAtAMebibyteAndTheNextOnesShowTheRest(t *testing.T) {
	admin := adminOf(t, shared)
	_, buyerID := shoptest.Customer(t, admin)
	product := admin.Want(t, 201, "POST", "/v1/products",
		shoptest.Object{"name": "P", "price": shoptest.Euros(1), "stock": 1_000_000}).Text(t, "id")
	lines := make([]shoptest.Object, 1000)
	for i := range lines {
		lines[i] = shoptest.Object{"product_id": product, "quantity": 1, "unit_price": shoptest.Euros(int64(i + 1))}
	}
	var made []string
	for range 9 {
		made = append([]string{admin.Want(t, 201, "POST", "/v1/purchases",
			shoptest.Object{"user_id": buyerID, "items": lines}).Text(t, "id")}, made...)
	}
	var found []string
	path, pages := "/v1/purchases?limit=100&expand=items&user_id="+buyerID, 0
	for cursor := ""; ; pages++ {
		answer := admin.Want(t, 200, "GET", path+cursor, nil)
		require.LessOrEqual(t, len(answer.Body), 1<<20)
		var page listed
		answer.Into(t, &page)
		found = append(found, page.ids()...)
		if cursor = "&cursor=" + page.Next; !page.More {
			break
		}
	}
	require.Equal(t, made, found)
	require.Positive(t, pages)
}
