package faults_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

// accountPerMinute is RATE_SIGNIN_ACCOUNT_PER_MINUTE as it ships.
const accountPerMinute = 10

// Each account stays well within its limit, and so does each address.
func TestAFailoverUnderLogInsWithinTheLimitRefusesNone(t *testing.T) {
	const accounts, each = 12, 6
	shop := private(t, map[string]string{"RATE_SIGNIN_ACCOUNT_PER_MINUTE": fmt.Sprint(accountPerMinute)})
	admin := shoptest.Admin(t, shop)
	var emails []string
	for range accounts {
		email := shoptest.Unique("ann") + "@example.com"
		admin.Want(t, http.StatusCreated, "POST", "/v1/users", shoptest.Object{
			"email": email, "password": "correct horse battery", "first_name": "Ann", "last_name": "Lee",
		})
		emails = append(emails, email)
	}
	old, _ := roles(t, shop)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mutex sync.Mutex
	answers, done := map[int]int{}, make(chan struct{}, accounts*each)
	var group sync.WaitGroup
	for i, email := range emails {
		client := shoptest.New(shop.URL()).From(fmt.Sprintf("127.78.0.%d", i+1))
		group.Go(func() {
			for range each {
				a, err := client.Try(ctx, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": "correct horse battery"})
				mutex.Lock()
				answers[a.Status]++
				mutex.Unlock()
				if err != nil {
					t.Error(err)
				}
				done <- struct{}{}
			}
		})
	}
	for range accounts {
		<-done
	}
	require.NoError(t, old.Kill())
	group.Wait()
	require.Equal(t, map[int]int{http.StatusCreated: accounts * each}, answers)
	now, _ := roles(t, shop)
	require.NotEqual(t, old.Name(), now.Name())
}

// The guesses come from many addresses and go to one account.
func TestWhileRedisIsAwayAnAccountCannotBeGuessedAtBeyondItsLimit(t *testing.T) {
	const guesses = 60
	shop := private(t, map[string]string{"RATE_SIGNIN_ACCOUNT_PER_MINUTE": fmt.Sprint(accountPerMinute), "COMMIT_DEADLINE": "2s"})
	shoptest.Admin(t, shop) // the shop is ready
	for _, name := range []string{"redis-1", "redis-2", "redis-3"} {
		require.NoError(t, shop.Process(name).Pause())
	}
	answers := atOnce(t, guesses, func(ctx context.Context, i int) (shoptest.Answer, error) {
		client := shoptest.New(shop.URL()).From(fmt.Sprintf("127.79.0.%d", i+1))
		return client.Try(ctx, "POST", "/v1/sessions", shoptest.Object{"email": "guessed@example.com",
			"password": fmt.Sprintf("guess number %d", i)})
	})
	passed := 0
	for _, a := range answers {
		if a.Status != http.StatusTooManyRequests {
			passed++
		}
	}
	t.Logf("%d of %d guesses passed the limit", passed, guesses)
	require.LessOrEqual(t, passed, accountPerMinute)
	require.Positive(t, passed, "a replica grants its share")
}
