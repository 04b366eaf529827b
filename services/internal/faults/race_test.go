package faults_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
)

func TestTwoHundredBuyersRaceForAHundredPiecesAndAHundredGetOne(t *testing.T) {
	_, admin := whole(t)
	product := shoptest.Product(t, admin, 100)
	buyers := shoptest.Customers(t, admin, 200)

	answers := atOnce(t, len(buyers), func(ctx context.Context, i int) (shoptest.Answer, error) {
		return buyers[i].Try(ctx, "POST", "/v1/purchases", shoptest.Order(product, 1))
	})
	byStatus := map[int]int{}
	for _, a := range answers {
		byStatus[a.Status]++
		if a.Status != http.StatusConflict {
			continue
		}
		var p shoptest.Problem
		a.Into(t, &p)
		require.Equal(t, "insufficient-stock", p.Code)
		require.Len(t, p.Errors, 1)
		require.Equal(t, "/items/0/quantity", p.Errors[0].Pointer)
		require.Equal(t, product, p.Errors[0].ProductID)
		require.NotNil(t, p.Errors[0].Available)
		require.Zero(t, *p.Errors[0].Available, "one piece is refused only when there is none")
	}
	require.Equal(t, map[int]int{http.StatusCreated: 100, http.StatusConflict: 100}, byStatus)
	require.Equal(t, shoptest.Ledger{Initial: 100, Sold: 100}, shoptest.LedgerOf(t, admin, product))
}

func TestOneKeySentFiftyTimesAtOnceBuysOnceAndAnswersTheSame(t *testing.T) {
	_, admin := whole(t)
	for name, pieces := range map[string]int64{"a purchase": 2, "a refusal": 11} {
		t.Run(name, func(t *testing.T) {
			product := shoptest.Product(t, admin, 10)
			customer, _ := shoptest.Customer(t, admin)
			buyer := customer.Keyed(shoptest.Unique("key"))

			answers := atOnce(t, 50, func(ctx context.Context, _ int) (shoptest.Answer, error) {
				return buyer.Try(ctx, "POST", "/v1/purchases", shoptest.Order(product, pieces))
			})
			replayed, replicas := 0, map[string]int{}
			for _, a := range answers {
				require.Equal(t, answers[0].Status, a.Status, "%s", a.Body)
				require.Equal(t, sameForAll(t, answers[0]), sameForAll(t, a))
				if a.Header.Get("Idempotency-Replayed") == "true" {
					replayed++
				}
				replicas[a.Header.Get("X-Served-By")]++
			}
			require.Equal(t, 49, replayed, "all but the first are replays")
			require.Len(t, replicas, 2, "both replicas were asked")

			bought := shoptest.Purchases(t, customer, "/v1/purchases?limit=100")
			sold := shoptest.LedgerOf(t, admin, product).Sold
			if answers[0].Status == http.StatusCreated {
				require.Len(t, bought, 1)
				require.Equal(t, pieces, sold)
				return
			}
			require.Equal(t, http.StatusConflict, answers[0].Status)
			require.Empty(t, bought)
			require.Zero(t, sold)
		})
	}
}

// sameForAll is an answer's body as it has to be for every use of one key. Only
// a problem names the very request that it answers.
func sameForAll(t *testing.T, a shoptest.Answer) string {
	t.Helper()
	if a.Status == http.StatusCreated {
		return string(a.Body)
	}
	var body map[string]any
	a.Into(t, &body)
	require.Equal(t, a.Header.Get("X-Request-Id"), body["request_id"])
	delete(body, "request_id")
	text, err := json.Marshal(body)
	require.NoError(t, err)
	return string(text)
}

// atOnce runs n calls that begin together and gives their answers in order; a
// call without an answer fails the test.
func atOnce(t *testing.T, n int, call func(ctx context.Context, i int) (shoptest.Answer, error)) []shoptest.Answer {
	t.Helper()
	answers, begin := make([]shoptest.Answer, n), make(chan struct{})
	group, ctx := errgroup.WithContext(t.Context())
	for i := range n {
		group.Go(func() (err error) {
			<-begin
			answers[i], err = call(ctx, i)
			return err
		})
	}
	close(begin)
	require.NoError(t, group.Wait())
	return answers
}
