package app_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

func TestACustomerWhoHasWrittenEnoughTodayIsRefusedAndRetriesGetTheirOutcome(t *testing.T) {
	s, admin := bounded(t, map[string]string{"QUOTA_DAY_KEYS": "20", "QUOTA_OPEN_PURCHASES": "100"})
	product := shoptest.Product(t, admin, 1000)
	buyer, user := shoptest.Customer(t, admin)
	one := buyer.At("http://" + s.Process("api-1").Addr())
	order := shoptest.Order(product, 1)
	first := one.Keyed("first").Want(t, 201, "POST", "/v1/purchases", order)
	for i := range 9 {
		one.Keyed(strconv.Itoa(i)).Want(t, 201, "POST", "/v1/purchases", order)
	}
	a := one.Keyed("eleventh").Want(t, 429, "POST", "/v1/purchases", order)
	require.Equal(t, "quota-day-keys", a.Text(t, "code"), "a replica of two grants half of 20")
	one.Refused(t, 429, "quota-day-keys", "PATCH", "/v1/users/"+user, shoptest.Object{"first_name": "Bea"})
	one.Refused(t, 429, "quota-day-keys", "POST", "/v1/purchases/"+first.Text(t, "id")+"/cancel", nil)

	again := one.Keyed("first").Want(t, 201, "POST", "/v1/purchases", order)
	require.Equal(t, string(first.Body), string(again.Body))
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	buyer.At("http://"+s.Process("api-2").Addr()).Keyed("eleventh").Want(t, 201, "POST", "/v1/purchases", order)
	admin.Want(t, 201, "POST", "/v1/purchases", order)
	require.Positive(t, figuresOf(t, s, "api-1")[`shop_quota_refusals_total{quota="quota-day-keys"}`])
	one.Want(t, 204, "DELETE", "/v1/users/"+user, nil)
}

func TestAProductThatUnpaidPurchasesHoldIsSeenInTheMetrics(t *testing.T) {
	s, admin := bounded(t, nil)
	held, free := shoptest.Product(t, admin, 100), shoptest.Product(t, admin, 1000)
	share := func() float64 { return figuresOf(t, s, "api-2")["shop_product_reserved_share_max"] }
	mostly := func() float64 { return figuresOf(t, s, "api-2")["shop_products_mostly_reserved"] }
	var made []string
	for _, order := range []shoptest.Object{shoptest.Order(held, 60), shoptest.Order(free, 100)} {
		made = append(made, admin.Want(t, 201, "POST", "/v1/purchases", order).Text(t, "id"))
	}
	require.Eventually(t, func() bool { return share() > 0.59 && share() < 0.61 && mostly() == 1 }, 15*time.Second,
		200*time.Millisecond)
	admin.Want(t, 200, "POST", "/v1/purchases/"+made[0]+"/cancel", nil)
	require.Eventually(t, func() bool { return share() > 0.09 && share() < 0.11 && mostly() == 0 }, 15*time.Second,
		200*time.Millisecond)
}
