package app_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// asItems gives a purchase's lines the form that a replica writes which has not learned yet that layout 3 is in force.
// The script that makes the purchase counts it all the same.
func asItems(t *testing.T, s *stack.Stack, made shoptest.Answer) {
	t.Helper()
	var body struct {
		Items []struct {
			ProductID string `json:"product_id"`
			Quantity  int64  `json:"quantity"`
		}
	}
	made.Into(t, &body)
	key := "evg:purchase:" + made.Text(t, "id")
	primary, err := s.AwaitPrimary(t.Context(), nil)
	require.NoError(t, err)
	command := []string{"EVAL", `local items = {}
		for i = 1, #ARGV, 2 do
			items[#items + 1] = { product_id = ARGV[i], name = 'Product', quantity = tonumber(ARGV[i + 1]),
				unit_price = { amount = 100, currency = 'EUR' } }
		end
		redis.call('HSET', KEYS[1], 'items', cjson.encode(items))
		return redis.call('HDEL', KEYS[1], 'lines', 'people') + redis.call('HEXISTS', KEYS[1], 'held')`, "1", key}
	for _, item := range body.Items {
		command = append(command, item.ProductID, strconv.FormatInt(item.Quantity, 10))
	}
	reply, err := s.Redis(t.Context(), primary, command...)
	require.NoError(t, err)
	require.Equal(t, "3", strings.TrimSpace(reply), "lines and people were there, and it is counted")
}

func TestAPurchaseWithItemsThatIsCountedMovesAsOneWithPackedLines(t *testing.T) {
	s, admin := bounded(t, nil)
	limited := admin.Want(t, 201, "POST", "/v1/products",
		shoptest.Object{"name": "Limited", "price": shoptest.Euros(100), "stock": 100, "max_per_customer": 9}).Text(t, "id")
	other := shoptest.Product(t, admin, 100)
	bytes16 := strings.ReplaceAll(limited, "-", "")
	body := shoptest.Object{"items": []shoptest.Object{shoptest.Line(limited, 3), shoptest.Line(other, 2)}}
	buy := func(buyer *shoptest.Client) string {
		made := buyer.Want(t, 201, "POST", "/v1/purchases", body)
		asItems(t, s, made)
		return "/v1/purchases/" + made.Text(t, "id")
	}
	stocks := func() [2]int64 {
		return [2]int64{shoptest.LedgerOf(t, admin, limited).Stock, shoptest.LedgerOf(t, admin, other).Stock}
	}

	buyer, user := shoptest.Customer(t, admin)
	buyer.Want(t, 200, "POST", buy(buyer)+"/cancel", nil)
	requireNothingHeld(t, s, user)
	require.Equal(t, [2]int64{100, 100}, stocks())
	require.NotEqual(t, "0", asked(t, s, `return tostring(redis.call('EXISTS', KEYS[1]))`, "evg:strikes:"+user))

	buyer, user = shoptest.Customer(t, admin)
	path := buy(buyer)
	admin.Want(t, 200, "POST", path+"/pay", shoptest.Object{"reference": "r"})
	require.Equal(t, map[string]string{"paid": "1", "b" + bytes16: "3"}, countsOf(t, s, user))
	admin.Want(t, 200, "POST", path+"/refund", shoptest.Object{"items": []shoptest.Object{shoptest.Line(limited, 1)}})
	require.Equal(t, map[string]string{"paid": "1", "b" + bytes16: "2"}, countsOf(t, s, user))
	admin.Want(t, 200, "POST", path+"/refund", nil)
	requireNothingHeld(t, s, user)
	require.Equal(t, [2]int64{100, 100}, stocks())
}
