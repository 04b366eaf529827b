package faults_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
)

func TestThousandsOfPurchasesThatShareProductsKeepTheStockEquation(t *testing.T) {
	_, admin := whole(t)
	const orders, workers = 2400, 32
	var products []string
	for _, stock := range []int64{2000, 1500, 100_000} {
		products = append(products, shoptest.Product(t, admin, stock))
	}
	// The same products in every order, so that locks taken line by line would
	// meet; one product twice, so that lines checked one by one would oversell.
	pieces := [][]int64{{1, 2, 0}, {2, 1, 0}, {0, 3, 1}, {1, 0, 5}, {3, 1, 2}}
	var sold, returned [3]atomic.Int64
	var bought, refused atomic.Int64

	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(workers)
	for i := range orders {
		group.Go(func() error {
			order := pieces[i%len(pieces)]
			made, err := admin.Try(ctx, "POST", "/v1/purchases", mixedOrder(products, order, i))
			switch {
			case err != nil:
				return err
			case made.Status == http.StatusConflict:
				refused.Add(1)
				return nil
			case made.Status != http.StatusCreated:
				return fmt.Errorf("%d: %s", made.Status, made.Body)
			}
			bought.Add(1)
			count(&sold, order)
			back, err := giveBack(ctx, admin, made, i)
			if back {
				count(&returned, order)
			}
			return err
		})
	}
	require.NoError(t, group.Wait())

	t.Logf("%d bought, %d refused", bought.Load(), refused.Load())
	require.Positive(t, refused.Load(), "the stock is meant to run short")
	for i, id := range products {
		l := shoptest.LedgerOf(t, admin, id)
		require.Equal(t, sold[i].Load(), l.Sold, "sold of product %d", i)
		require.Equal(t, returned[i].Load(), l.Returned, "returned of product %d", i)
	}
}

// mixedOrder has the pieces of each product, forwards or backwards, and the
// first product's in two lines.
func mixedOrder(products []string, pieces []int64, i int) shoptest.Object {
	var lines []shoptest.Object
	for at := range products {
		if i%2 == 1 {
			at = len(products) - 1 - at
		}
		n := pieces[at]
		if n > 1 {
			lines = append(lines, shoptest.Line(products[at], n-1))
			n = 1
		}
		if n > 0 {
			lines = append(lines, shoptest.Line(products[at], n))
		}
	}
	return shoptest.Object{"items": lines}
}

func count(totals *[3]atomic.Int64, pieces []int64) {
	for i, n := range pieces {
		totals[i].Add(n)
	}
}

// giveBack cancels some purchases and refunds others, and says whether it did.
func giveBack(ctx context.Context, admin *shoptest.Client, made shoptest.Answer, i int) (bool, error) {
	path := made.Header.Get("Location")
	switch i % 7 {
	case 0:
		_, err := admin.Expect(ctx, http.StatusOK, "POST", path+"/cancel", nil)
		return true, err
	case 1:
		if _, err := admin.Expect(ctx, http.StatusOK, "POST", path+"/pay", shoptest.Object{"reference": "r"}); err != nil {
			return false, err
		}
		_, err := admin.Expect(ctx, http.StatusOK, "POST", path+"/refund", nil)
		return true, err
	}
	return false, nil
}
