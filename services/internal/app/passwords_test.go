package app_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

// changed is a body that changes a customer's password.
func changed(password string) shoptest.Object { return shoptest.Object{"password": password} }

func TestAPasswordChangeThatIsRefusedOrRememberedNeitherCostsAHashNorCounts(t *testing.T) {
	admin := adminOf(t, shared)
	customer, id := shoptest.Customer(t, admin)
	customer = shoptest.New(shared.URL()).From("127.79.0.1").As(customer.Token())
	path := "/v1/users/" + id
	// Ten changes a minute are allowed, and sixty of these are made.
	for range 20 {
		customer.With("If-Match", `"7"`).Refused(t, 412, "stale", "PATCH", path, changed("another password"))
	}
	taken := admin.Want(t, 200, "GET", "/v1/users?limit=2", nil)
	var page struct{ Data []struct{ ID, Email string } }
	taken.Into(t, &page)
	other := page.Data[0]
	if other.ID == id {
		other = page.Data[1]
	}
	for range 20 {
		customer.Refused(t, 409, "email-taken", "PATCH", path, shoptest.Object{"password": "another password", "email": other.Email})
	}
	for range 20 {
		customer.Refused(t, 422, "invalid", "PATCH", path, changed("short"))
	}
	key := shoptest.Unique("key")
	first := customer.With("Idempotency-Key", key).Want(t, 200, "PATCH", path, changed("another password"))
	require.NotEmpty(t, first.Header.Get("Consistency-Token"))
	email := first.Text(t, "email")
	again := customer.As(admin.Want(t, 201, "POST", "/v1/sessions",
		shoptest.Object{"email": email, "password": "another password"}).Text(t, "token"))
	for range 15 {
		retry := again.With("Idempotency-Key", key).Want(t, 200, "PATCH", path, changed("another password"))
		require.Equal(t, "true", retry.Header.Get("Idempotency-Replayed"))
		require.Equal(t, first.Body, retry.Body)
	}
}

func TestPasswordChangesCountUnderTheLimitsOfSignIns(t *testing.T) {
	admin := adminOf(t, shared)
	customer, id := shoptest.Customer(t, admin)
	email := admin.Want(t, 200, "GET", "/v1/users/"+id, nil).Text(t, "email")
	anyone := shoptest.New(shared.URL()).From("127.79.1.1")
	token, begun := customer.Token(), time.Now()
	// Ten changes a minute: those of a minute at once, and one more every six seconds.
	made := 0
	var a shoptest.Answer
	for ; ; made++ {
		password := fmt.Sprint("password number ", made)
		a = anyone.As(token).Do(t, "PATCH", "/v1/users/"+id, changed(password))
		if a.Status != 200 {
			break
		}
		require.LessOrEqual(t, made, 10+int(time.Since(begun)/(6*time.Second)))
		token = admin.Want(t, 201, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": password}).Text(t, "token")
	}
	require.GreaterOrEqual(t, made, 10)
	require.Equal(t, 429, a.Status)
	require.Equal(t, "signin-rate", a.Text(t, "code"))
	anyone.As(token).Want(t, 200, "PATCH", "/v1/users/"+id, shoptest.Object{"first_name": "Ann"})
	admin.Want(t, 200, "PATCH", "/v1/users/"+id, changed("an admin is under no limit"))
}

func TestARefusedSignUpCostsNoHash(t *testing.T) {
	admin := adminOf(t, shared)
	_, id := shoptest.Customer(t, admin)
	email := admin.Want(t, 200, "GET", "/v1/users/"+id, nil).Text(t, "email")
	sign := shoptest.Object{"email": email, "password": strings.Repeat("p", 128)}
	took := func(n int, status int, body func(int) shoptest.Object) time.Duration {
		begun := time.Now()
		for i := range n {
			admin.Want(t, status, "POST", "/v1/users", body(i))
		}
		return time.Since(begun)
	}
	refused := took(20, 409, func(int) shoptest.Object { return sign })
	made := took(20, 201, func(i int) shoptest.Object {
		return shoptest.Object{"email": fmt.Sprint(i, email), "password": sign["password"]}
	})
	require.Less(t, refused, made/2, "twenty that hash took %s", made)
}

// Sixty customers change their passwords at once, each from an address of its own. A replica has one slot and 8 places for it.
func TestTheQueueOfHashesIsBoundedAndOtherPurposesGoOn(t *testing.T) {
	const many = 120
	admin := adminOf(t, shared)
	customer, id := shoptest.Customer(t, admin)
	email := admin.Want(t, 200, "GET", "/v1/users/"+id, nil).Text(t, "email")
	replica := shoptest.New(direct("api-1"))
	var mutex sync.Mutex
	answers := map[string]int{}
	var group sync.WaitGroup
	for i := range many {
		group.Go(func() {
			a, err := replica.From(fmt.Sprintf("127.80.%d.1", i)).Try(t.Context(), "POST", "/v1/users",
				shoptest.Object{"email": shoptest.Unique("flood") + "@example.com", "password": shoptest.Password})
			if err != nil {
				return
			}
			mutex.Lock()
			defer mutex.Unlock()
			code := fmt.Sprint(a.Status)
			if a.Status == 429 {
				code = a.Text(t, "code")
			}
			answers[code]++
		})
	}
	login := shoptest.Object{"email": email, "password": shoptest.Password}
	replica.As(customer.Token()).Want(t, 201, "POST", "/v1/sessions", login)
	group.Wait()
	require.Equal(t, many, answers["201"]+answers["signin-busy"], "%v", answers)
	require.GreaterOrEqual(t, answers["201"], 9, "%v", answers)
	require.Positive(t, answers["signin-busy"], "%v", answers)
}
