package app_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
)

// mostPurchaseBytes is what a purchase of 1,000 lines may take in Redis, its entries in lists included.
const mostPurchaseBytes = 100_000

// catalogueName is the name of product i, as a shop with many kinds of things has it.
func catalogueName(i int) string {
	part := func(list string, at int) string { words := strings.Fields(list); return words[at%len(words)] }
	return fmt.Sprintf("%s %s %s %s, %s of %d (%c%d-%02d)",
		part("Vintage Rustic Scented Hanging Retrospot Enamel Folding Woven Glazed Miniature Regency Botanical Striped", i*7+i/13),
		part("Red Ivory Sage Charcoal Cornflower Amber Rose Teal Copper Walnut Pearl", i*5+i/11),
		part("Ceramic Cotton Bamboo Beeswax Linen Glass Tin Felt Slate Paper Jute Porcelain Birch Wool Marble Cork Brass", i*3+i/17),
		part("Candle-Holder Lantern T-Light Cake-Stand Lunch-Bag Doormat Wreath Jug Bunting Coaster Apron Napkin Frame Clock Basket Teapot Hook Mug Tray", i+i/19),
		part("set pack box case pair bundle", i*11+i/7), i%12+1, 'A'+rune(i*17%26), i*7919%1000, i*31%100)
}

// fillCatalogue makes n products and gives their ids.
func fillCatalogue(t *testing.T, admin *shoptest.Client, n int) []string {
	t.Helper()
	ids := make([]string, n)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(32)
	for i := range ids {
		group.Go(func() error {
			product := shoptest.Object{"name": catalogueName(i), "price": shoptest.Euros(int64(199 + i*7919%9000)), "stock": 1000}
			made, err := admin.Expect(ctx, http.StatusCreated, "POST", "/v1/products", product)
			if err == nil {
				ids[i] = made.Text(t, "id")
			}
			return err
		})
	}
	require.NoError(t, group.Wait())
	return ids
}

// bytesOf is what a key takes in Redis.
func bytesOf(t *testing.T, key string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(redis(t, "MEMORY", "USAGE", key, "SAMPLES", "0")))
	require.NoError(t, err)
	return n
}

func TestAPurchaseOfAThousandLinesTakesAtMost100KBAndIsMovedAsOneOfOneLineIs(t *testing.T) {
	admin := adminOf(t, shared)
	products := fillCatalogue(t, admin, 1000)
	lines := make([]shoptest.Object, len(products))
	for i, id := range products {
		lines[i] = shoptest.Line(id, int64(i%9+2))
	}
	made := admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Object{"items": lines, "external_ref": shoptest.Unique("ref")})
	key, path := "evg:purchase:"+made.Text(t, "id"), made.Header.Get("Location")
	require.Empty(t, redis(t, "HGET", key, "items"))
	bytes := bytesOf(t, key)
	for _, list := range []string{"evg:purchases", "evg:purchases:pending", "evg:reservations"} {
		entries, err := strconv.Atoi(strings.TrimSpace(redis(t, "ZCARD", list)))
		require.NoError(t, err)
		bytes += bytesOf(t, list) / entries
	}
	t.Logf("%d bytes", bytes)
	require.LessOrEqual(t, bytes, mostPurchaseBytes)

	type purchase struct {
		Items []struct {
			Product  string `json:"product_id"`
			Name     string
			Quantity int64
			Refunded int64 `json:"refunded_quantity"`
		}
	}
	var read purchase
	admin.Current().Want(t, 200, "GET", path, nil).Into(t, &read)
	require.Len(t, read.Items, len(products))
	for i, item := range read.Items {
		require.Equal(t, []any{products[i], catalogueName(i), int64(i%9 + 2)}, []any{item.Product, item.Name, item.Quantity})
	}
	admin.Want(t, 200, "POST", path+"/pay", shoptest.Object{"reference": "r"})
	last := shoptest.Object{"items": []shoptest.Object{shoptest.Line(products[999], 1)}}
	admin.Want(t, 200, "POST", path+"/refund", last).Into(t, &read)
	require.Equal(t, []int64{0, 1}, []int64{read.Items[0].Refunded, read.Items[999].Refunded})
	admin.Want(t, 200, "POST", path+"/refund", nil)
	for _, i := range []int{0, 500, 999} {
		require.EqualValues(t, 1000, shoptest.LedgerOf(t, admin, products[i]).Stock)
	}
}
