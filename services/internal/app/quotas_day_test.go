package app_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
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

// lookedAt is how many hashes Redis was asked for fields of, on all nodes together.
func lookedAt(t *testing.T, s *stack.Stack) (sum int) {
	t.Helper()
	for _, node := range []string{"redis-1", "redis-2", "redis-3"} {
		info, err := s.Redis(t.Context(), node, "INFO", "commandstats")
		require.NoError(t, err)
		calls := regexp.MustCompile(`cmdstat_hmget:calls=(\d+),`).FindStringSubmatch(info)
		require.Len(t, calls, 2)
		n, err := strconv.Atoi(calls[1])
		require.NoError(t, err)
		sum += n
	}
	return sum
}

func TestAPurchaseThatADaysQuotaRefusesLooksAtNoProductAndItsRetryGetsTheRememberedRefusal(t *testing.T) {
	const lines, tries = 30, 10
	s, admin := bounded(t, map[string]string{"QUOTA_DAY_KEYS": "10"})
	var items []shoptest.Object
	for range lines - 1 {
		items = append(items, shoptest.Line(shoptest.Product(t, admin, 1000), 1))
	}
	soldOut := shoptest.Object{"items": append(items, shoptest.Line(shoptest.Product(t, admin, 0), 1))}
	buyer, _ := shoptest.Customer(t, admin)
	one := buyer.At("http://" + s.Process("api-1").Addr())
	first := one.Keyed("first").Want(t, 409, "POST", "/v1/purchases", soldOut)
	require.Contains(t, string(first.Body), "/items/29/quantity")
	for range 4 { // a replica of two grants half of 10
		one.Want(t, 409, "POST", "/v1/purchases", soldOut)
	}

	before := lookedAt(t, s)
	for i := range tries {
		one.Keyed(strconv.Itoa(i)).Refused(t, 429, "quota-day-keys", "POST", "/v1/purchases", soldOut)
	}
	require.Less(t, lookedAt(t, s)-before, tries*lines/2)
	again := one.Keyed("first").Want(t, 409, "POST", "/v1/purchases", soldOut)
	require.Contains(t, string(again.Body), "/items/29/quantity")
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
}

func TestBeyondADaysQuotaADeletionThatIsRefusedIsNotRemembered(t *testing.T) {
	s, admin := bounded(t, map[string]string{"QUOTA_DAY_KEYS": "10"})
	customer, user := shoptest.Customer(t, admin)
	one := customer.At("http://" + s.Process("api-1").Addr())
	path := "/v1/users/" + user
	for range 5 { // a replica of two grants half of 10
		one.Want(t, 200, "PATCH", path, shoptest.Object{"first_name": "Bea"})
	}
	stale := one.With("If-Match", `"999"`)
	for range 3 {
		stale.Keyed("one-key").Refused(t, 429, "quota-day-keys", "DELETE", path, nil)
	}
	one.Keyed("one-key").Want(t, 204, "DELETE", path, nil)
}

func TestALongChangeOfAnAccountCountsForTheCustomersDay(t *testing.T) {
	s, admin := bounded(t, map[string]string{"QUOTA_DAY_BYTES": "20000"})
	customer, user := shoptest.Customer(t, admin)
	one := customer.At("http://" + s.Process("api-1").Addr())
	long := shoptest.Object{"first_name": strings.Repeat("\U0001F600", 100), "last_name": strings.Repeat("\U0001F600", 100)}
	made := 0
	for one.Keyed(strconv.Itoa(made)).Do(t, "PATCH", "/v1/users/"+user, long).Status == 200 {
		made++
		require.LessOrEqual(t, made, 10, "each leaves 1,000 bytes, and a replica of two grants 10,000")
	}
	require.GreaterOrEqual(t, made, 8)
}

func TestALargePurchaseBeyondTheOpenQuotasLooksAtNoProduct(t *testing.T) {
	const lines = 50
	s, admin := bounded(t, map[string]string{"QUOTA_OPEN_LINES": strconv.Itoa(lines)})
	var items []shoptest.Object
	for range lines {
		items = append(items, shoptest.Line(shoptest.Product(t, admin, 1000), 1))
	}
	buyer, _ := shoptest.Customer(t, admin)
	buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Object{"items": items})
	before := lookedAt(t, s)
	const tries = 20
	for range tries {
		buyer.Refused(t, 429, "quota-open-lines", "POST", "/v1/purchases", shoptest.Object{"items": items})
	}
	// Of each replica the first try looks the products up, to remember them.
	require.Less(t, lookedAt(t, s)-before, tries*lines/2)
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
