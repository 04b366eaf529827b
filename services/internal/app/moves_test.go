package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/products"
	"evergreen/services/internal/purchases"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/web"
)

// paid buys and pays, and gives the purchase's path.
func paid(t *testing.T, admin *shoptest.Client, product string, pieces int64) string {
	t.Helper()
	path := admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, pieces)).Header.Get("Location")
	admin.Want(t, 200, "POST", path+"/pay", shoptest.Object{"reference": "r"})
	return path
}

// expired buys, and has the reservation pass.
func expired(t *testing.T, admin *shoptest.Client, product string, pieces int64) string {
	t.Helper()
	made := admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, pieces))
	expire(t, made.Text(t, "id"))
	path := made.Header.Get("Location")
	awaitExpiry(t, admin, path)
	return path
}

func TestARefundReturnsThePiecesThatWereAskedForAndInAllNoMoreThanWereBought(t *testing.T) {
	admin := adminOf(t, shared)
	product := shoptest.Product(t, admin, 10)
	path := paid(t, admin, product, 3)
	pieces := func(n int64) shoptest.Object {
		return shoptest.Object{"items": []shoptest.Object{shoptest.Line(product, n)}}
	}

	require.Equal(t, "paid", admin.Want(t, 200, "POST", path+"/refund", pieces(1)).Text(t, "status"))
	require.Equal(t, shoptest.Ledger{Initial: 10, Sold: 3, Returned: 1, Stock: 8}, shoptest.LedgerOf(t, admin, product))
	over := admin.Refused(t, 409, "more-than-left", "POST", path+"/refund", pieces(3))
	require.EqualValues(t, 2, *over.Errors[0].Available)
	require.Equal(t, "refunded", admin.Want(t, 200, "POST", path+"/refund", nil).Text(t, "status"))
	require.Equal(t, shoptest.Ledger{Initial: 10, Sold: 3, Returned: 3, Stock: 10}, shoptest.LedgerOf(t, admin, product))
	require.Equal(t, "5997", admin.Want(t, 200, "GET", path, nil).Text(t, "refunded_total", "amount"))

	path = paid(t, admin, product, 2)
	admin.Want(t, 200, "POST", path+"/fulfil", nil)
	require.Equal(t, "fulfilled", admin.Want(t, 200, "POST", path+"/refund", pieces(1)).Text(t, "status"))
	require.Equal(t, "refunded", admin.Want(t, 200, "POST", path+"/refund", pieces(1)).Text(t, "status"))
}

func TestADeletedProductIsRefundedWithoutComingBackAndCannotBePaidLate(t *testing.T) {
	admin := adminOf(t, shared)
	product := shoptest.Product(t, admin, 9)
	path, late := paid(t, admin, product, 3), expired(t, admin, product, 2)
	admin.Want(t, 204, "DELETE", "/v1/products/"+product, nil)
	p := admin.Refused(t, 409, "insufficient-stock", "POST", late+"/pay", shoptest.Object{"reference": "late"})
	require.Equal(t, product, p.Errors[0].ProductID)
	require.Zero(t, *p.Errors[0].Available)
	require.Equal(t, "refunded", admin.Want(t, 200, "POST", path+"/refund", nil).Text(t, "status"))
	require.Empty(t, mentions(t, product))
}

func TestALatePaymentTakesTheVeryLastPieces(t *testing.T) {
	admin := adminOf(t, shared)
	product := shoptest.Product(t, admin, 3)
	path := expired(t, admin, product, 3)
	require.Equal(t, "paid", admin.Want(t, 200, "POST", path+"/pay", shoptest.Object{"reference": "late"}).Text(t, "status"))
	require.Equal(t, shoptest.Ledger{Initial: 3, Sold: 6, Returned: 3}, shoptest.LedgerOf(t, admin, product))
}

func TestACancelledPurchaseCannotBePaid(t *testing.T) {
	admin := adminOf(t, shared)
	product := shoptest.Product(t, admin, 5)
	path := admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 2)).Header.Get("Location")
	admin.Want(t, 200, "POST", path+"/cancel", nil)
	admin.Refused(t, 409, "wrong-status", "POST", path+"/pay", shoptest.Object{"reference": "r"})
	require.Equal(t, "cancelled", admin.Want(t, 200, "GET", path, nil).Text(t, "status"))
}

func TestAPurchaseIsNotExpiredBeforeItsTimeWhateverTheListSays(t *testing.T) {
	admin := adminOf(t, shared)
	product := shoptest.Product(t, admin, 5)
	made := admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 1))
	redis(t, "ZADD", "evg:reservations", "1", made.Text(t, "id")) // it is looked at first
	expired(t, admin, product, 1)
	require.Equal(t, "pending", admin.Want(t, 200, "GET", made.Header.Get("Location"), nil).Text(t, "status"))
	admin.Want(t, 200, "POST", made.Header.Get("Location")+"/cancel", nil)
}

func TestIfMatchGuardsEveryMoveOfAPurchase(t *testing.T) {
	admin := adminOf(t, shared)
	product := shoptest.Product(t, admin, 10)
	one, two := admin.With("If-Match", `"1"`), admin.With("If-Match", `"2"`)
	path := admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 1)).Header.Get("Location")
	two.Refused(t, 412, "stale", "POST", path+"/cancel", nil)
	two.Refused(t, 412, "stale", "DELETE", path, nil)
	two.Refused(t, 412, "stale", "POST", path+"/pay", shoptest.Object{"reference": "r"})
	one.Want(t, 200, "POST", path+"/pay", shoptest.Object{"reference": "r"})
	one.Refused(t, 412, "stale", "POST", path+"/fulfil", nil)
	two.Want(t, 200, "POST", path+"/fulfil", nil)
	two.Refused(t, 412, "stale", "POST", path+"/refund", nil)
	require.Equal(t, "fulfilled", admin.Want(t, 200, "GET", path, nil).Text(t, "status"))
}

func TestWhatAMoveAnswersIsWhatIsStored(t *testing.T) {
	admin := adminOf(t, shared)
	product := shoptest.Product(t, admin, 10)
	path := admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 2)).Header.Get("Location")
	for _, step := range []struct {
		action string
		body   any
	}{{"pay", shoptest.Object{"reference": "r"}}, {"fulfil", nil}, {"refund", nil}} {
		moved := admin.Want(t, 200, "POST", path+"/"+step.action, step.body)
		require.Equal(t, string(moved.Body), string(admin.Want(t, 200, "GET", path, nil).Body))
		require.NotContains(t, string(moved.Body), "reserved_until", "it holds no reservation any more")
	}
}

func TestAnEditKeepsTheTimeOfCreationAndMovesThatOfTheLastChange(t *testing.T) {
	admin := adminOf(t, shared)
	user := shoptest.Object{"email": shoptest.Unique("edited") + "@example.com", "password": shoptest.Password}
	for _, row := range []struct {
		path        string
		body, patch shoptest.Object
	}{
		{"/v1/users", user, shoptest.Object{"first_name": "Ann"}},
		{"/v1/products", fullProduct(), shoptest.Object{"name": "Other"}},
	} {
		made := admin.Want(t, 201, "POST", row.path, row.body)
		path := made.Header.Get("Location")
		changed := admin.Want(t, 200, "PATCH", path, row.patch)
		require.Equal(t, made.Text(t, "created_at"), changed.Text(t, "created_at"))
		require.Less(t, made.Text(t, "updated_at"), changed.Text(t, "updated_at"))
		require.Equal(t, string(changed.Body), string(admin.Want(t, 200, "GET", path, nil).Body))
	}
}

func TestAnAdjustmentsReferenceNamesTheRequestThatUsedIt(t *testing.T) {
	admin := adminOf(t, shared)
	path := "/v1/products/" + shoptest.Product(t, admin, 5) + "/stock"
	adjustment := shoptest.Object{"delta": 1, "reason": "found", "external_ref": "A1"}
	first := admin.Want(t, 200, "POST", path, adjustment).Header.Get("X-Request-Id")
	require.Contains(t, admin.Refused(t, 409, "external-ref-used", "POST", path, adjustment).Detail, first)
}

func TestNothingIsBoughtForADeletedUser(t *testing.T) {
	admin := adminOf(t, shared)
	ann, id := shoptest.Customer(t, admin)
	product := shoptest.Product(t, admin, 5)
	ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 1))
	admin.Want(t, 204, "DELETE", "/v1/users/"+id, nil)
	order := shoptest.Order(product, 1)
	order["user_id"] = id
	p := admin.Refused(t, 422, "invalid", "POST", "/v1/purchases", order)
	require.Equal(t, "unknown-user", p.Errors[0].Code)
	require.Equal(t, int64(4), shoptest.LedgerOf(t, admin, product).Stock)
}

// repricing changes the price right after it was read for the first time.
type repricing struct {
	*products.Store
	reprice func()
	read    int
}

func (r *repricing) Lookup(ctx context.Context, ids []string) ([]products.Product, error) {
	found, err := r.Store.Lookup(ctx, ids)
	if r.read++; r.read == 1 {
		r.reprice()
	}
	return found, err
}

func TestAPriceThatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	admin, s := adminOf(t, shared), storesOf(t)
	buyer, product := s.signUp(t), shoptest.Product(t, admin, 5)
	catalogue := &repricing{Store: products.NewStore(s.db, time.Now, web.NewID), reprice: func() {
		admin.Want(t, 200, "PATCH", "/v1/products/"+product, shoptest.Object{"price": shoptest.Euros(2500)})
	}}
	store := purchases.NewStore(s.db, catalogue, 15*time.Minute, purchases.Quotas{}, func() int64 { return 0 }, web.NewID, nil)
	change := web.Change{Request: idempotency.Request{ID: web.NewID()}, Actor: buyer.ID}
	order := purchases.CreateInput{Items: []purchases.Line{{ProductID: product, Quantity: 2}}}
	id, _, err := store.Create(t.Context(), change, purchases.Buyer{ID: buyer.ID}, order)
	require.NoError(t, err)
	require.Equal(t, 2, catalogue.read)
	require.Equal(t, "5000", admin.Want(t, 200, "GET", "/v1/purchases/"+id, nil).Text(t, "total", "amount"))
	require.Equal(t, int64(3), shoptest.LedgerOf(t, admin, product).Stock)
}
