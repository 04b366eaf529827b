package app_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// countsOf reads what is counted of a user, with products' ids in hexadecimal digits.
func countsOf(t *testing.T, s *stack.Stack, user string) map[string]string {
	t.Helper()
	said := asked(t, s, `local all, f = {}, redis.call('HGETALL', KEYS[1])
		for i = 1, #f, 2 do
			local name = f[i]
			if #name == 17 then
				name = string.sub(name, 1, 1) .. string.gsub(string.sub(name, 2), '.', function(c) return string.format('%02x', string.byte(c)) end)
			end
			if name ~= 'struck' then all[#all + 1] = name .. '=' .. f[i + 1] end
		end
		return table.concat(all, ',')`, "evg:held:"+user)
	counts := map[string]string{}
	for _, one := range strings.Split(said, ",") {
		if name, value, found := strings.Cut(one, "="); found {
			counts[name] = value
		}
	}
	return counts
}

// kept is a purchase as the model sees it.
type kept struct {
	ID, Status string
	Items      []struct {
		ProductID string `json:"product_id"`
		Quantity  int64
		Refunded  int64 `json:"refunded_quantity"`
	}
}

// purchasesOf reads each purchase of a customer whole.
func purchasesOf(t *testing.T, admin *shoptest.Client, user string) []kept {
	t.Helper()
	var all []kept
	for _, p := range shoptest.Purchases(t, admin, "/v1/purchases?limit=100&user_id="+user) {
		var one kept
		admin.Current().Want(t, 200, "GET", "/v1/purchases/"+p.ID, nil).Into(t, &one)
		all = append(all, one)
	}
	return all
}

// expected works out from a customer's purchases what has to be counted; limited is the product with max_per_customer.
func expected(all []kept, limited string) map[string]string {
	numbers := map[string]int64{}
	var purchases, lines, pieces int64
	counts := map[string]string{}
	for _, p := range all {
		for _, item := range p.Items {
			id := strings.ReplaceAll(item.ProductID, "-", "")
			switch {
			case p.Status == "pending":
				numbers["p"+id] += item.Quantity
				lines, pieces = lines+1, pieces+item.Quantity
			case item.ProductID == limited && (p.Status == "paid" || p.Status == "fulfilled"):
				numbers["b"+id] += item.Quantity - item.Refunded
			}
		}
		switch p.Status {
		case "pending":
			purchases++
		case "paid", "fulfilled", "refunded":
			counts["paid"] = "1"
		}
	}
	for name, n := range numbers {
		if n != 0 {
			counts[name] = strconv.FormatInt(n, 10)
		}
	}
	if purchases > 0 {
		counts["open"] = fmt.Sprintf("%d %d %d", purchases, lines, pieces)
	}
	return counts
}

// unpaidBytes gives what is counted of unpaid purchases in all, by kinds of customers and by addresses, and the sum of
// what the purchases themselves say.
func unpaidBytes(t *testing.T, s *stack.Stack) (kinds, addresses, purchases string) {
	t.Helper()
	said := strings.Fields(asked(t, s, `local kinds, addresses, sum = 0, 0, 0
		local f = redis.call('HGETALL', KEYS[1])
		for i = 1, #f, 2 do
			if f[i] == 'new' or f[i] == 'known' then kinds = kinds + f[i + 1] else addresses = addresses + f[i + 1] end
		end
		for _, id in ipairs(redis.call('ZRANGE', 'evg:purchases', 0, -1)) do
			local packed = redis.call('HGET', 'evg:purchase:' .. id, 'held')
			if packed and packed ~= '' then sum = sum + cmsgpack.unpack(packed)[2] end
		end
		return string.format('%d %d %d', kinds, addresses, sum)`, "evg:unpaid"))
	return said[0], said[1], said[2]
}

// actor does one step after the other, drawn by chance, as one customer and the admin.
type actor struct {
	t            *testing.T
	admin, buyer *shoptest.Client
	user         string
	products     []string
	draw         *rand.Rand
	made         []string
}

func (a *actor) step() error {
	path := ""
	if len(a.made) > 0 {
		path = "/v1/purchases/" + a.made[a.draw.IntN(len(a.made))]
	}
	kind := a.draw.IntN(9)
	if path == "" || kind < 3 {
		return a.buy()
	}
	who, body := a.admin, shoptest.Object(nil)
	switch kind {
	case 3:
		path += "/cancel"
	case 4:
		who, path = a.buyer, path+"/cancel"
	case 5, 6:
		path, body = path+"/pay", shoptest.Object{"reference": "r"}
	case 7:
		path += "/fulfil"
	case 8:
		path += "/refund"
		if a.draw.IntN(2) == 0 {
			body = shoptest.Object{"items": []shoptest.Object{{"product_id": a.products[0], "quantity": 1}}}
		}
	}
	var sent any
	if body != nil {
		sent = body
	}
	answer, err := who.Try(a.t.Context(), "POST", path, sent)
	if err == nil && answer.Status >= 500 {
		err = fmt.Errorf("%s: %d %s", path, answer.Status, answer.Body)
	}
	return err
}

// buy makes a purchase of some lines, of which two may be of one product at two prices; sometimes the admin makes it.
func (a *actor) buy() error {
	lines := []shoptest.Object{}
	for range 1 + a.draw.IntN(3) {
		lines = append(lines, shoptest.Line(a.products[a.draw.IntN(len(a.products))], 1+a.draw.Int64N(3)))
	}
	who, body := a.buyer, shoptest.Object{"items": lines}
	byAdmin := a.draw.IntN(10) == 0
	if byAdmin {
		who, body["user_id"] = a.admin, a.user
	}
	answer, err := who.Try(a.t.Context(), "POST", "/v1/purchases", body)
	if err != nil || answer.Status >= 500 {
		return fmt.Errorf("buying: %w %d %s", err, answer.Status, answer.Body)
	}
	if answer.Status == 201 && !byAdmin {
		a.made = append(a.made, answer.Text(a.t, "id"))
	}
	return nil
}

func TestWhatIsCountedIsWhatThePurchasesSayAndComesToNothing(t *testing.T) {
	s, admin := bounded(t, map[string]string{"QUOTA_OPEN_PURCHASES": "8", "COOL_DOWN": "0s"})
	limited := admin.Want(t, 201, "POST", "/v1/products",
		shoptest.Object{"name": "Limited", "price": shoptest.Euros(100), "stock": 10_000, "max_per_customer": 9}).Text(t, "id")
	products := []string{limited, shoptest.Product(t, admin, 10_000), shoptest.Product(t, admin, 10_000)}
	var actors []*actor
	group := errgroup.Group{}
	for i := range 3 {
		buyer, user := shoptest.Customer(t, admin)
		for j := range 2 {
			a := &actor{t: t, admin: admin, buyer: buyer, user: user, products: products,
				draw: rand.New(rand.NewPCG(uint64(i), uint64(j)))} //nolint:gosec // no secret
			actors = append(actors, a)
			group.Go(func() error {
				for range 120 {
					if err := a.step(); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	require.NoError(t, group.Wait())
	for _, a := range actors {
		all := counted(purchasesOf(t, admin, a.user), actors)
		require.NotEmpty(t, all)
		want, got := expected(all, limited), countsOf(t, s, a.user)
		delete(want, "paid") // a purchase that the admin made and that was paid counts for this, too
		delete(got, "paid")
		require.Equal(t, want, got)
	}
	kinds, addresses, sum := unpaidBytes(t, s)
	require.Equal(t, []string{sum, sum}, []string{kinds, addresses})
	require.NotEqual(t, "0", sum)

	for _, a := range actors {
		for _, p := range purchasesOf(t, admin, a.user) {
			path := "/v1/purchases/" + p.ID
			switch p.Status {
			case "pending":
				admin.Want(t, 200, "POST", path+"/cancel", nil)
			case "paid", "fulfilled":
				admin.Want(t, 200, "POST", path+"/refund", nil)
			}
		}
		requireNothingHeld(t, s, a.user)
	}
}

// counted leaves out what the admin has made.
func counted(all []kept, actors []*actor) (own []kept) {
	made := map[string]bool{}
	for _, a := range actors {
		for _, id := range a.made {
			made[id] = true
		}
	}
	for _, p := range all {
		if made[p.ID] {
			own = append(own, p)
		}
	}
	return own
}

func TestThePurchasesOfOneCustomerAreEstimatedAsRedisMeasuresThem(t *testing.T) {
	s, admin := bounded(t, map[string]string{"QUOTA_OPEN_PURCHASES": "1000", "QUOTA_OPEN_LINES": "100000",
		"QUOTA_OPEN_PIECES": "100000", "QUOTA_PRODUCT_PIECES": "1000",
		"QUOTA_DAY_BYTES": "1000000000"})
	primary, err := s.AwaitPrimary(t.Context(), nil)
	require.NoError(t, err)
	products := make([]string, 1000)
	for i := range products {
		products[i] = shoptest.Product(t, admin, 1_000_000)
	}
	buyer, user := shoptest.Customer(t, admin)
	for range 150 { // a list of up to 128 is stored in another form
		admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Object{"user_id": user,
			"items": []shoptest.Object{shoptest.Line(products[0], 1)}})
	}
	for n, most := range map[int]float64{1: 1.2, 10: 1.2, 100: 1.7, 1000: 1.2} {
		lines := make([]shoptest.Object, n)
		for i := range lines {
			lines[i] = shoptest.Line(products[i], 1)
		}
		// Lists grow by steps, so that several purchases are measured together.
		const many = 16
		before := memoryOf(t, s, primary)
		_, _, counted := unpaidBytes(t, s)
		for range many {
			buyer.Want(t, 201, "POST", "/v1/purchases", shoptest.Object{"items": lines, "external_ref": shoptest.Unique("ref")})
			// The next purchase counts the same products anew, as another customer's does.
			_, err := s.Redis(t.Context(), primary, "RENAME", "evg:held:"+user, "evg:held:"+uuid.NewString())
			require.NoError(t, err)
		}
		measured := float64(memoryOf(t, s, primary)-before) / many
		_, _, after := unpaidBytes(t, s)
		from, _ := strconv.Atoi(counted)
		to, _ := strconv.Atoi(after)
		estimate := float64(to-from) / many
		t.Logf("%d lines: estimated %.0f bytes, measured %.0f", n, estimate, measured)
		require.Greater(t, estimate, 0.9*measured)
		require.Less(t, estimate, most*measured, "what counting many products takes depends on the customer's other purchases")
	}
}

// memoryOf sums what Redis measures of all purchases, references, lists of purchases and counts of customers.
func memoryOf(t *testing.T, s *stack.Stack, primary string) int {
	t.Helper()
	said, err := s.Redis(t.Context(), primary, "EVAL", `local sum = 0
		for _, pattern in ipairs({'evg:purchase:*', 'evg:purchase_ref:*', 'evg:purchases*', 'evg:reservations', 'evg:user:*:purchases',
			'evg:held:*'}) do
			for _, key in ipairs(redis.call('KEYS', pattern)) do
				sum = sum + redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0) + 64 -- and its place in the dictionary
			end
		end
		return tostring(sum)`, "0")
	require.NoError(t, err)
	sum, err := strconv.Atoi(said)
	require.NoError(t, err)
	return sum
}
