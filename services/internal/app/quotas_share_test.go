package app_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// crowd is who fills the share of new accounts in these tests.
const (
	crowdAccounts  = 1000
	crowdAddresses = 50
)

// fill has each account buy twice from its address, and counts the answers by their code.
func fill(t *testing.T, accounts, addresses []*shoptest.Client, order shoptest.Object) map[string]int {
	t.Helper()
	var mutex sync.Mutex
	answers := map[string]int{}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	each := len(accounts) / len(addresses)
	for i, account := range accounts {
		group.Go(func() error {
			for range 2 {
				a, err := addresses[i/each].As(account.Token()).Try(ctx, "POST", "/v1/purchases", order)
				if err != nil {
					return err
				}
				code := strconv.Itoa(a.Status)
				if a.Status != 201 {
					code = a.Text(t, "code")
				}
				mutex.Lock()
				answers[code]++
				mutex.Unlock()
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	return answers
}

// unpaidOf gives the counted bytes of a kind of customers or of all addresses' largest.
func unpaidOf(t *testing.T, s *stack.Stack, field string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(asked(t, s, `local f = redis.call('HGETALL', KEYS[1])
		local most = 0
		for i = 1, #f, 2 do
			if f[i] == '`+field+`' or '`+field+`' == 'addresses' and string.sub(f[i], 1, 1) == 'a' then most = math.max(most, tonumber(f[i + 1])) end
		end
		return string.format('%d', most)`, "evg:unpaid"), 10, 64)
	require.NoError(t, err)
	return n
}

func TestAThousandNewAccountsFillTheirShareAndOthersGoOnBuying(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes two thousand passwords")
	}
	s, admin := bounded(t, map[string]string{"REDIS_MAXMEMORY": "64mb", "QUOTA_SHARE_PERCENT": "1", "QUOTA_ADDRESS_PERCENT": "10"})
	const share = 64 << 20 / 100
	var order []shoptest.Object
	for range 10 {
		order = append(order, shoptest.Line(shoptest.Product(t, admin, 1_000_000), 1))
	}
	body := shoptest.Object{"items": order}
	known, _ := shoptest.Customer(t, admin)
	first := known.Want(t, 201, "POST", "/v1/purchases", body).Text(t, "id")
	admin.Want(t, 200, "POST", "/v1/purchases/"+first+"/pay", shoptest.Object{"reference": "r"})
	accounts := shoptest.Customers(t, admin, crowdAccounts)
	addresses := make([]*shoptest.Client, crowdAddresses)
	for i := range addresses {
		addresses[i] = shoptest.New(s.URL()).From(fmt.Sprintf("127.77.7.%d", i+1))
	}

	answers := fill(t, accounts, addresses, body)
	require.Equal(t, 2*crowdAccounts, answers["201"]+answers["quota-share"]+answers["quota-address"], "%v", answers)
	require.NotZero(t, answers["quota-share"], "%v", answers)
	require.NotZero(t, answers["quota-address"], "%v", answers)
	taken := unpaidOf(t, s, "new")
	require.LessOrEqual(t, taken, int64(share))
	require.Greater(t, taken, int64(share)*95/100)
	require.LessOrEqual(t, unpaidOf(t, s, "addresses"), int64(share)/10)

	stranger, _ := shoptest.Customer(t, admin)
	stranger.Refused(t, 429, "quota-share", "POST", "/v1/purchases", body)
	for range 4 {
		known.Want(t, 201, "POST", "/v1/purchases", body)
		admin.Want(t, 201, "POST", "/v1/purchases", body)
	}
	requirePurgedForRoom(t, s, admin, stranger, body)
}

// requirePurgedForRoom cancels purchases and makes some of them old: these are purged early, and then there is room.
func requirePurgedForRoom(t *testing.T, s *stack.Stack, admin, stranger *shoptest.Client, body shoptest.Object) {
	t.Helper()
	all := shoptest.Purchases(t, admin, "/v1/purchases?limit=100&status=pending")
	require.Greater(t, len(all), 200)
	all = all[len(all)-200:]
	for i, p := range all {
		admin.Want(t, 200, "POST", "/v1/purchases/"+p.ID+"/cancel", nil)
		aged(t, s, p.ID, map[bool]time.Duration{true: 49 * time.Hour, false: 47 * time.Hour}[i < 100])
	}
	require.Eventually(t, func() bool { return stranger.Do(t, "POST", "/v1/purchases", body).Status == 201 },
		20*time.Second, 100*time.Millisecond)
	young := all[100:]
	for _, p := range []string{young[0].ID, young[99].ID} {
		admin.Current().Want(t, 200, "GET", "/v1/purchases/"+p, nil)
	}
	// There was room after the first purge of a few; the rest follows.
	require.Eventually(t, func() bool { return unpaidOf(t, s, "new") < 64<<20/100*92/100 }, 20*time.Second, 100*time.Millisecond)
}
