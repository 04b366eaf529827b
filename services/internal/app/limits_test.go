package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/app"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// The limits of the shop in which these tests meet them.
const (
	userPerSecond    = 10
	userBurst        = 2 * userPerSecond
	addressPerMinute = 5
	accountPerMinute = 8
)

// limited starts a shop with limits that are soon met.
func limited(t *testing.T) *stack.Stack {
	t.Helper()
	return stack.StartT(t, stack.Options{
		Services: slices.DeleteFunc(stack.Everything(), stack.Watches),
		Settings: map[string]string{
			"RATE_USER_PER_SECOND": fmt.Sprint(userPerSecond), "RATE_SIGNIN_ADDRESS_PER_MINUTE": fmt.Sprint(addressPerMinute),
			"RATE_SIGNIN_ACCOUNT_PER_MINUTE": fmt.Sprint(accountPerMinute),
		},
	})
}

// limit says what holds callers of a route back. Admins are under none.
type limit struct{ perUser, perAddress bool }

// limits has every route, so that a new one can't be without a decision. What no limit of the API holds back is cheap and
// public, or for admins alone; nginx limits all of it per address.
func limits() map[string]limit {
	none, perUser, signIn := limit{}, limit{perUser: true}, limit{perUser: true, perAddress: true}
	return map[string]limit{
		"GET /openapi.yaml": none, "GET /docs": none, "GET /docs/:asset": none,

		"POST /v1/users": signIn, "GET /v1/users": none,
		"GET /v1/users/:id": perUser, "PATCH /v1/users/:id": perUser, "DELETE /v1/users/:id": perUser,

		"POST /v1/sessions": signIn, "GET /v1/sessions/current": perUser, "DELETE /v1/sessions/current": perUser,

		"GET /v1/products": none, "GET /v1/products/:id": none, "POST /v1/products": none, "PATCH /v1/products/:id": none,
		"DELETE /v1/products/:id": none, "GET /v1/products/:id/stock": none, "POST /v1/products/:id/stock": none,

		"POST /v1/purchases": perUser, "GET /v1/purchases": perUser, "GET /v1/purchases/:id": perUser,
		"DELETE /v1/purchases/:id": perUser, "POST /v1/purchases/:id/cancel": perUser,
		"POST /v1/purchases/:id/pay": none, "POST /v1/purchases/:id/fulfil": none, "POST /v1/purchases/:id/refund": none,
	}
}

// route is one of the table's, with an id that nothing has.
func route(name string) (method, path string) {
	method, path, _ = strings.Cut(name, " ")
	return method, strings.NewReplacer(":id", uuid.Must(uuid.NewV7()).String(), ":asset", "page.css").Replace(path)
}

func TestEveryRouteIsLimitedAsItIsMeantToBe(t *testing.T) {
	routes, err := app.Routes()
	require.NoError(t, err)
	table := limits()
	require.Len(t, table, len(routes), "each route once")
	s := limited(t)
	admin := shoptest.Admin(t, s)
	replica := admin.At("http://" + s.Process("api-1").Addr())
	address := 0
	for _, r := range routes {
		name := r.Method + " " + r.Path
		held, known := table[name]
		require.True(t, known, "%s has no entry in limits()", name)
		address += 2
		someone := shoptest.New(s.URL()).From(fmt.Sprintf("127.77.0.%d", address))
		other := shoptest.New(s.URL()).From(fmt.Sprintf("127.77.0.%d", address+1))
		t.Run(name+limitsUser(held.perUser), func(t *testing.T) {
			customer, _ := shoptest.Customer(t, admin)
			requireAtLimit(t, replica.As(customer.Token()), name, held.perUser)
		})
		t.Run(name+limitsAddress(held.perAddress), func(t *testing.T) { requireAddressLimit(t, someone, other, name, held.perAddress) })
		t.Run(name+" holds no admin back", func(t *testing.T) {
			login := shoptest.Object{"email": s.Setting("ADMIN_EMAIL"), "password": s.Setting("ADMIN_PASSWORD")}
			one := replica.As(admin.Want(t, 201, "POST", "/v1/sessions", login).Text(t, "token")) // a route ends the session
			for range userBurst + userPerSecond {
				one.Want(t, 200, "GET", "/v1/sessions/current", nil)
			}
			method, path := route(name)
			require.NotEqual(t, 429, one.Do(t, method, path, shoptest.Object{}).Status)
		})
	}
}

func limitsUser(held bool) string {
	return map[bool]string{true: " refuses a user at the limit", false: " holds no user back"}[held]
}

func limitsAddress(held bool) string {
	return map[bool]string{true: " refuses an address at its limit", false: " holds no address back"}[held]
}

// exhaust asks until the user's limit is met; it returns how many requests passed, and when the last was refused.
func exhaust(t *testing.T, user *shoptest.Client) (passed int, refused time.Time) {
	t.Helper()
	for passed < 10*userBurst {
		asked := time.Now()
		if a := user.Do(t, "GET", "/v1/sessions/current", nil); a.Status == 429 {
			require.Equal(t, "user-rate", a.Text(t, "code"))
			return passed, asked
		}
		passed++
	}
	t.Fatalf("a user passed %d times, and the burst is %d", passed, userBurst)
	return 0, refused
}

// emptied asks until the user's limit is met, and then until one more request passes. It returns when the last one was refused.
// At that time less than one request was left of the rate, and the one that passed has taken it: the next one cannot pass before
// a whole piece of the rate has come back.
func emptied(t *testing.T, user *shoptest.Client) (refused time.Time) {
	t.Helper()
	_, refused = exhaust(t, user)
	for {
		asked := time.Now()
		if user.Do(t, "GET", "/v1/sessions/current", nil).Status != 429 {
			return refused
		}
		refused = asked
	}
}

// requireAtLimit asks a route as a user who has just met the limit at this replica.
func requireAtLimit(t *testing.T, user *shoptest.Client, name string, held bool) {
	t.Helper()
	method, path := route(name)
	for range 50 {
		refused := emptied(t, user)
		a := user.Do(t, method, path, shoptest.Object{})
		if !held {
			require.NotEqual(t, 429, a.Status)
			return
		}
		if a.Status == 429 {
			require.Equal(t, "user-rate", a.Text(t, "code"))
			require.Equal(t, "1", a.Header.Get("Retry-After"))
			return
		}
		// One piece of the rate comes back in this time, and only then may it pass.
		require.Greater(t, time.Since(refused), time.Second/userPerSecond, "%s passed at the limit", name)
	}
	t.Fatal("this machine is too slow to meet the limit")
}

// requireAddressLimit asks as somebody unknown, through both replicas in turn.
func requireAddressLimit(t *testing.T, someone, other *shoptest.Client, name string, held bool) {
	t.Helper()
	method, path := route(name)
	asks := userBurst + userPerSecond
	if held {
		asks = addressPerMinute
	}
	begun := time.Now()
	for range asks {
		require.NotEqual(t, 429, someone.Do(t, method, path, shoptest.Object{}).Status)
	}
	a := someone.Do(t, method, path, shoptest.Object{})
	if !held {
		require.NotEqual(t, 429, a.Status)
		return
	}
	require.Less(t, time.Since(begun), time.Minute/addressPerMinute, "this machine is too slow to meet the limit")
	require.Equal(t, 429, a.Status, "%s passed at the limit", name)
	require.Equal(t, "signin-rate", a.Text(t, "code"))
	require.NotEqual(t, 429, other.Do(t, method, path, shoptest.Object{}).Status, "another address has a limit of its own")
}

func TestAUsersBurstIsTwoSecondsWorthAndAReplicaGrantsItsShareOfTheRate(t *testing.T) {
	s := limited(t)
	admin := shoptest.Admin(t, s)
	customer, id := shoptest.Customer(t, admin)
	user := customer.At("http://" + s.Process("api-1").Addr())
	t.Run("the burst is two seconds' worth", func(t *testing.T) {
		begun := time.Now()
		passed, refused := exhaust(t, user)
		most := userBurst + 1 + int(refused.Sub(begun).Seconds()*userPerSecond/2)
		require.GreaterOrEqual(t, passed, userBurst)
		require.LessOrEqual(t, passed, most)
	})
	t.Run("one of two replicas grants half of the rate", func(t *testing.T) {
		// A replica counts the others once a second; just after its start it may believe that it is alone.
		require.Eventually(t, func() bool { return rate(t, user) < 0.8*userPerSecond }, 20*time.Second, time.Millisecond)
		requireRate(t, user, userPerSecond/2)
	})
	t.Run("all sessions of a user share one limit", func(t *testing.T) {
		email := admin.Want(t, 200, "GET", "/v1/users/"+id, nil).Text(t, "email")
		again := admin.Want(t, 201, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": shoptest.Password})
		requireAtLimitOf(t, user, user.As(again.Text(t, "token")), true)
	})
	t.Run("another user has a limit of its own", func(t *testing.T) {
		another, _ := shoptest.Customer(t, admin)
		requireAtLimitOf(t, user, user.As(another.Token()), false)
		passed, _ := exhaust(t, user.As(another.Token()))
		require.GreaterOrEqual(t, passed, userBurst-1)
		requireAtLimitOf(t, user, user, true)
	})
	t.Run("a replica that is alone grants all of the rate", func(t *testing.T) {
		require.NoError(t, s.Process("api-2").Terminate(t.Context()))
		require.Eventually(t, func() bool { return rate(t, user) > 0.8*userPerSecond }, 20*time.Second, time.Millisecond)
		requireRate(t, user, userPerSecond)
	})
}

// requireAtLimitOf has one client meet its limit, and demands that another is refused at once, or passes.
func requireAtLimitOf(t *testing.T, one, other *shoptest.Client, refused bool) {
	t.Helper()
	for range 50 {
		_, at := exhaust(t, one)
		a := other.Do(t, "GET", "/v1/sessions/current", nil)
		if (a.Status == 429) == refused {
			return
		}
		require.True(t, refused, "the other user was refused")
		require.Greater(t, time.Since(at), time.Second/userPerSecond, "it passed at the limit")
	}
	t.Fatal("this machine is too slow to meet the limit")
}

// rate is how many requests of a user pass each second, once the burst is used up.
func rate(t *testing.T, user *shoptest.Client) float64 {
	t.Helper()
	_, begun := exhaust(t, user)
	passed := 0
	for time.Since(begun) < 2*time.Second {
		if user.Do(t, "GET", "/v1/sessions/current", nil).Status == 200 {
			passed++
		}
	}
	return float64(passed) / time.Since(begun).Seconds()
}

// requireRate allows for one request at either end, and for a machine that lets the client ask too seldom for a moment.
func requireRate(t *testing.T, user *shoptest.Client, want float64) {
	t.Helper()
	require.InDelta(t, want, rate(t, user), 1.5)
}

func TestAnAccountIsLimitedWhateverAddressAndReplicaItIsTriedAt(t *testing.T) {
	s := limited(t)
	for i, path := range []string{"/v1/sessions", "/v1/users"} {
		t.Run("POST "+path, func(t *testing.T) {
			account := shoptest.Object{"email": fmt.Sprintf("guess%d@example.com", i), "password": "guess guess guess"}
			if path == "/v1/users" {
				account["first_name"], account["last_name"] = "Ann", "Lee"
			}
			begun := time.Now()
			try := func(n int) shoptest.Answer {
				return shoptest.New(s.URL()).From(fmt.Sprintf("127.77.%d.%d", i+1, n+1)).Do(t, "POST", path, account)
			}
			for n := range accountPerMinute {
				require.NotEqual(t, 429, try(n).Status)
			}
			a := try(accountPerMinute)
			require.Less(t, time.Since(begun), time.Minute/accountPerMinute, "this machine is too slow to meet the limit")
			require.Equal(t, 429, a.Status)
			require.Equal(t, "signin-rate", a.Text(t, "code"))
		})
	}
}
