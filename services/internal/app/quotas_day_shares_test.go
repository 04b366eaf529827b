package app_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/web"
)

// sharesOfADay are settings with which a replica remembers some 200 writes of new customers, and 40 of one address.
func sharesOfADay() map[string]string {
	return map[string]string{"REDIS_MAXMEMORY": "64mb", "QUOTA_DAY_SHARE_PERCENT": "1", "QUOTA_DAY_ADDRESS_PERCENT": "2",
		"RATE_SIGNIN_ADDRESS_PER_MINUTE": "1000",
		"RATE_SIGNIN_ACCOUNT_PER_MINUTE": "1000"}
}

func TestRefusalsOfNewCustomersFillTheirPartOfADayAndOthersGoOn(t *testing.T) {
	s, admin := bounded(t, sharesOfADay())
	one := "http://" + s.Process("api-1").Addr()
	soldOut, product := shoptest.Order(shoptest.Product(t, admin, 0), 1), shoptest.Order(shoptest.Product(t, admin, 1000), 1)
	paid, _ := shoptest.Customer(t, admin)
	bought := paid.Want(t, 201, "POST", "/v1/purchases", product).Text(t, "id")
	admin.Want(t, 200, "POST", "/v1/purchases/"+bought+"/pay", shoptest.Object{"reference": "r"})
	buyers := shoptest.Customers(t, admin, 4)

	remembered := 0
	for i := range 200 {
		a := buyers[i%2].At(one).Keyed(strconv.Itoa(i)).Do(t, "POST", "/v1/purchases", soldOut)
		if a.Status == 409 {
			remembered++
			continue
		}
		require.Equal(t, "quota-day-address", a.Text(t, "code"))
	}
	require.Less(t, remembered, 60, "a replica's half of 2 %% of 671 KB, at 160 bytes each, is 41")
	require.Greater(t, remembered, 30)
	buyers[2].At(one).Refused(t, 429, "quota-day-address", "POST", "/v1/purchases", soldOut)
	// Only refusals find no room.
	made := buyers[2].At(one).Want(t, 201, "POST", "/v1/purchases", product).Text(t, "id")
	buyers[2].At(one).With("If-Match", `"99"`).Refused(t, 429, "quota-day-address", "POST", "/v1/purchases/"+made+"/cancel", nil)
	buyers[2].At(one).Want(t, 200, "POST", "/v1/purchases/"+made+"/cancel", nil)
	first := buyers[0].At(one).Keyed("0").Refused(t, 409, "insufficient-stock", "POST", "/v1/purchases", soldOut)
	require.NotEmpty(t, first)
	second := buyers[2].At(one).From(s.Net+".4").With("X-Retried", "1").With("X-Forwarded-For", "127.0.0.1")
	second.Refused(t, 503, "outcome-unknown", "POST", "/v1/purchases", soldOut)

	for range 60 {
		paid.At(one).Refused(t, 409, "insufficient-stock", "POST", "/v1/purchases", soldOut)
		admin.At(one).Refused(t, 409, "insufficient-stock", "POST", "/v1/purchases", soldOut)
	}
	paid.At(one).Want(t, 201, "POST", "/v1/purchases", product)
	require.Positive(t, figuresOf(t, s, "api-1")[`shop_quota_refusals_total{quota="quota-day-address"}`])
}

func TestSignUpsAndLogInsOfAnAddressHaveAPartOfADay(t *testing.T) {
	s, admin := bounded(t, sharesOfADay())
	one := "http://" + s.Process("api-1").Addr()
	emailOf := func(user string) string { return admin.Want(t, 200, "GET", "/v1/users/"+user, nil).Text(t, "email") }
	buyer, user := shoptest.Customer(t, admin)
	bought := buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(shoptest.Product(t, admin, 10), 1)).Text(t, "id")
	admin.Want(t, 200, "POST", "/v1/purchases/"+bought+"/pay", shoptest.Object{"reference": "r"})
	_, newcomer := shoptest.Customer(t, admin)
	paid, unpaid := emailOf(user), emailOf(newcomer)
	guest := shoptest.New(one)

	taken := shoptest.Object{"email": paid, "password": shoptest.Password}
	for i := range 41 {
		guest.Keyed(strconv.Itoa(i)).Refused(t, 409, "email-taken", "POST", "/v1/users", taken)
	}
	guest.Keyed("more").Refused(t, 429, "quota-day-address", "POST", "/v1/users", taken)
	guest.Keyed("0").Refused(t, 409, "email-taken", "POST", "/v1/users", taken)
	guest.Refused(t, 429, "quota-day-address", "POST", "/v1/sessions",
		shoptest.Object{"email": unpaid, "password": shoptest.Password})
	guest.Want(t, 201, "POST", "/v1/sessions", shoptest.Object{"email": paid, "password": shoptest.Password})
	shoptest.New(one).From(s.Net+".90").Want(t, 201, "POST", "/v1/sessions",
		shoptest.Object{"email": unpaid, "password": shoptest.Password})
	admin.At(one).Want(t, 201, "POST", "/v1/sessions", shoptest.Object{"email": unpaid, "password": shoptest.Password})
}

func TestALongRefusalCountsForTheCustomersDay(t *testing.T) {
	s, admin := bounded(t, map[string]string{"QUOTA_DAY_BYTES": "20000", "QUOTA_OPEN_LINES": "1000", "QUOTA_OPEN_PIECES": "1000"})
	one := "http://" + s.Process("api-1").Addr()
	buyer, _ := shoptest.Customer(t, admin)
	product := shoptest.Order(shoptest.Product(t, admin, 10), 1)
	lines := make([]shoptest.Object, 1000)
	for i := range lines {
		lines[i] = shoptest.Line(web.NewID(), 1)
	}
	unknown := shoptest.Object{"items": lines}
	for i := range 3 {
		buyer.At(one).Keyed(strconv.Itoa(i)).Refused(t, 422, "unknown-product", "POST", "/v1/purchases", unknown)
	}
	buyer.At(one).Keyed("3").Refused(t, 429, "quota-day-bytes", "POST", "/v1/purchases", unknown)
	buyer.At(one).Refused(t, 429, "quota-day-bytes", "POST", "/v1/purchases", product)
	buyer.At(one).Keyed("2").Refused(t, 422, "unknown-product", "POST", "/v1/purchases", unknown)
}
