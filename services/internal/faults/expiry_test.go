package faults_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

func TestAReservationThatPassesEndsWithinTwoSecondsAndGivesItsStockBack(t *testing.T) {
	shop := private(t, map[string]string{"RESERVATION": "2s"})
	admin := shoptest.Admin(t, shop)
	for name, dead := range map[string]string{"both replicas are up": "", "only api-2 is up": "api-1", "only api-1 is up": "api-2"} {
		t.Run(name, func(t *testing.T) {
			if dead != "" {
				require.NoError(t, shop.Process(dead).Kill())
				t.Cleanup(func() { repair(t, shop) })
			}
			one, two := shoptest.Product(t, admin, 500), shoptest.Product(t, admin, 500)
			order := shoptest.Object{"items": []shoptest.Object{shoptest.Line(one, 3), shoptest.Line(two, 1), shoptest.Line(one, 2)}}
			latest := time.Duration(0)
			for _, p := range buySlowly(t, admin, order) {
				latest = max(latest, awaitExpiry(t, admin, p))
			}
			t.Logf("the last expired %v after its reserved_until", latest)
			require.LessOrEqual(t, latest, 2*time.Second)
			require.Equal(t, shoptest.Ledger{Initial: 500, Sold: 250, Returned: 250, Stock: 500}, shoptest.LedgerOf(t, admin, one))
			require.Equal(t, shoptest.Ledger{Initial: 500, Sold: 50, Returned: 50, Stock: 500}, shoptest.LedgerOf(t, admin, two))
		})
	}
	t.Run("once, though both replicas find it at the same time", func(t *testing.T) { expireTogether(t, shop, admin) })
	t.Run("a late payment takes the stock again", func(t *testing.T) { payLate(t, admin) })
	t.Run("a late payment is refused when the stock is gone", func(t *testing.T) { payTooLate(t, admin) })
}

// buySlowly makes 50 purchases over 2.5 s, so that one of them ends at the worst
// moment for whoever looks for them only now and then.
func buySlowly(t *testing.T, admin *shoptest.Client, order shoptest.Object) (made []shoptest.Purchase) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 50 {
		<-tick.C
		var p shoptest.Purchase
		admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", order).Into(t, &p)
		made = append(made, p)
	}
	return made
}

// expireTogether freezes both replicas until 100 reservations have passed: when
// they wake, both find all of them.
func expireTogether(t *testing.T, shop *stack.Stack, admin *shoptest.Client) {
	t.Helper()
	product := shoptest.Product(t, admin, 100)
	answers := atOnce(t, 100, func(ctx context.Context, _ int) (shoptest.Answer, error) {
		return admin.Expect(ctx, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1))
	})
	last := time.Time{}
	for _, name := range []string{"api-1", "api-2"} {
		require.NoError(t, shop.Process(name).Pause())
		t.Cleanup(func() { _ = shop.Process(name).Resume() })
	}
	for _, a := range answers {
		until, err := time.Parse(time.RFC3339, a.Text(t, "reserved_until"))
		require.NoError(t, err)
		if until.After(last) {
			last = until
		}
	}
	<-time.After(time.Until(last))
	for _, name := range []string{"api-1", "api-2"} {
		require.NoError(t, shop.Process(name).Resume())
	}
	for _, a := range answers {
		var p shoptest.Purchase
		a.Into(t, &p)
		awaitExpiry(t, admin, p)
	}
	require.Equal(t, shoptest.Ledger{Initial: 100, Sold: 100, Returned: 100, Stock: 100}, shoptest.LedgerOf(t, admin, product))
}

func payLate(t *testing.T, admin *shoptest.Client) {
	t.Helper()
	product := shoptest.Product(t, admin, 5)
	late := expired(t, admin, product, 4)
	paid := admin.Want(t, http.StatusOK, "POST", "/v1/purchases/"+late+"/pay", shoptest.Object{"reference": "late"})
	require.Equal(t, "paid", paid.Text(t, "status"))
	require.Equal(t, shoptest.Ledger{Initial: 5, Sold: 8, Returned: 4, Stock: 1}, shoptest.LedgerOf(t, admin, product))
}

func payTooLate(t *testing.T, admin *shoptest.Client) {
	t.Helper()
	product := shoptest.Product(t, admin, 5)
	late := expired(t, admin, product, 4)
	other := admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 2)).Text(t, "id")
	admin.Want(t, http.StatusOK, "POST", "/v1/purchases/"+other+"/pay", shoptest.Object{"reference": "in time"})

	p := admin.Refused(t, http.StatusConflict, "insufficient-stock", "POST", "/v1/purchases/"+late+"/pay", shoptest.Object{"reference": "late"})
	require.Len(t, p.Errors, 1)
	require.Equal(t, product, p.Errors[0].ProductID)
	require.EqualValues(t, 3, *p.Errors[0].Available)
	require.Equal(t, "expired", admin.Current().Want(t, http.StatusOK, "GET", "/v1/purchases/"+late, nil).Text(t, "status"))
	require.Equal(t, shoptest.Ledger{Initial: 5, Sold: 6, Returned: 4, Stock: 3}, shoptest.LedgerOf(t, admin, product))
}

// expired makes a purchase and waits until its reservation has ended.
func expired(t *testing.T, admin *shoptest.Client, product string, pieces int64) string {
	t.Helper()
	var p shoptest.Purchase
	admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, pieces)).Into(t, &p)
	awaitExpiry(t, admin, p)
	return p.ID
}

// awaitExpiry waits until the purchase is expired and gives how long after its
// reserved_until that was, by the one clock that counts, Redis's.
func awaitExpiry(t *testing.T, admin *shoptest.Client, made shoptest.Purchase) time.Duration {
	t.Helper()
	var now shoptest.Purchase
	await(t, 10*time.Second, "it is no longer pending", func() bool {
		admin.Current().Want(t, http.StatusOK, "GET", "/v1/purchases/"+made.ID, nil).Into(t, &now)
		return now.Status != "pending"
	})
	require.Equal(t, "expired", now.Status)
	until, err := time.Parse(time.RFC3339, made.ReservedUntil)
	require.NoError(t, err)
	at, err := time.Parse(time.RFC3339, now.UpdatedAt)
	require.NoError(t, err)
	require.False(t, at.Before(until), "not before its time")
	return at.Sub(until)
}
