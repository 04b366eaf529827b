package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// till is a shop of its own in which what is sold is counted while things break.
type till struct {
	t *testing.T
	*stack.Stack
	admin, ann *shoptest.Client
}

const pendingCount = `shop_purchases_total{status="pending"}`

func openTill(t *testing.T, settings map[string]string) till {
	t.Helper()
	s := stack.StartT(t, stack.Options{Settings: settings})
	admin := shoptest.Admin(t, s)
	ann, _ := shoptest.Customer(t, admin)
	return till{t, s, admin, ann}
}

// now are the figures of all replicas that answer.
func (s till) now() figures {
	var up []string
	for _, name := range []string{"api-1", "api-2"} {
		if s.Process(name).PID() != 0 {
			up = append(up, name)
		}
	}
	return figuresOf(s.t, s.Stack, up...)
}

// until waits for a state of the figures.
func (s till) until(holds func(figures) bool, what string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return holds(s.now()) }, 15*time.Second, 20*time.Millisecond, what)
}

// freezeReplicas stops both Redis replicas, so that nothing is acknowledged, and
// gives what wakes them.
func (s till) freezeReplicas() (wake func()) {
	s.t.Helper()
	primary, err := s.Primary(s.t.Context())
	require.NoError(s.t, err)
	var frozen []*stack.Process
	for _, name := range []string{"redis-1", "redis-2", "redis-3"} {
		if name != primary {
			require.NoError(s.t, s.Process(name).Pause())
			frozen = append(frozen, s.Process(name))
		}
	}
	return func() {
		for _, p := range frozen {
			require.NoError(s.t, p.Resume())
		}
	}
}

// carriedOut waits until the primary has so many pending purchases.
func (s till) carriedOut(want string) {
	s.t.Helper()
	primary, err := s.Primary(s.t.Context())
	require.NoError(s.t, err)
	require.Eventually(s.t, func() bool {
		count, err := s.Redis(s.t.Context(), primary, "ZCARD", "evg:purchases:pending")
		return err == nil && strings.TrimSpace(count) == want
	}, 5*time.Second, 5*time.Millisecond)
}

// buy sends a purchase and gives where its answer will be.
func (s till) buy(c *shoptest.Client, product string) <-chan shoptest.Answer {
	answers := make(chan shoptest.Answer, 1)
	go func() {
		a, err := c.Try(s.t.Context(), "POST", "/v1/purchases", shoptest.Order(product, 1))
		if err != nil {
			a.Body = []byte(err.Error())
		}
		answers <- a
	}()
	return answers
}

func TestAnExpiryAndALatePaymentAreCounted(t *testing.T) {
	s := openTill(t, map[string]string{"RESERVATION": "1s", "COOL_DOWN": "0s"})
	last, begun := shoptest.Product(t, s.admin, 1), s.now()
	first := "/v1/purchases/" + s.ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(last, 1)).Text(t, "id")
	s.until(func(now figures) bool { return now[`shop_purchases_total{status="expired"}`] == 1 }, "the first expires")
	second := "/v1/purchases/" + s.ann.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(last, 1)).Text(t, "id")
	s.until(func(now figures) bool { return now[`shop_purchases_total{status="expired"}`] == 2 }, "the second expires")
	late := s.admin.Keyed("late")
	for range 2 {
		late.Want(t, 200, "POST", first+"/pay", shoptest.Object{"reference": "late"})
	}
	s.admin.Refused(t, 409, "insufficient-stock", "POST", second+"/pay", shoptest.Object{"reference": "too late"})
	rises(t, s.now(), begun, figures{
		pendingCount: 2, `shop_purchases_total{status="expired"}`: 2, `shop_purchases_total{status="paid"}`: 1,
		// Twice sold, and once more by the late payment.
		"shop_stock_outs_total": 3, "shop_stock_refusals_total": 1, `shop_revenue_minor_units_total{currency="EUR"}`: 1999,
	})
}

// The first try has the effect, and nobody vouches for it; a later one finds the
// outcome remembered. It is this request's own, so it is counted, once.
func TestWhatTheCommitterRepeatsIsCountedOnce(t *testing.T) {
	s := openTill(t, nil)
	product, begun := shoptest.Product(t, s.admin, 10), s.now()
	keyed := s.ann.Keyed("the-key")
	wake := s.freezeReplicas()
	answer := s.buy(keyed, product)
	s.carriedOut("1")
	const short = `shop_commit_retries_total{cause="not-acknowledged"}`
	carriedOut := s.now()
	s.until(func(now figures) bool { return now[short] >= carriedOut[short]+2 }, "it is not acknowledged")
	require.InDelta(t, 0, s.now()[pendingCount]-begun[pendingCount], 0, "nor counted")
	wake()
	got := <-answer
	require.Equal(t, 201, got.Status, "%s", got.Body)
	keyed.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 1))
	rises(t, s.now(), begun, figures{pendingCount: 1})
}

// What the page says of an unknown outcome: who asks again is told, and nobody
// counts it, for the one who could have was never sure.
func TestAnUnknownOutcomeIsNeverCountedTwice(t *testing.T) {
	s := openTill(t, map[string]string{"COMMIT_DEADLINE": "3s"})
	product, begun := shoptest.Product(t, s.admin, 10), s.now()
	keyed := s.ann.Keyed("the-key")
	wake := s.freezeReplicas()
	answer := s.buy(keyed, product)
	s.carriedOut("1")
	got := <-answer
	require.Equal(t, 503, got.Status, "%s", got.Body)
	require.Equal(t, "outcome-unknown", got.Text(t, "code"))
	wake()
	require.NoError(t, s.AwaitHealthy(t.Context()))
	require.Eventually(t, func() bool {
		a := keyed.Do(t, "POST", "/v1/purchases", shoptest.Order(product, 1))
		return a.Status == 201 && a.Header.Get("Idempotency-Replayed") == "true"
	}, 15*time.Second, 50*time.Millisecond)
	now := s.now()
	rises(t, now, begun, figures{pendingCount: 0})
	require.GreaterOrEqual(t, now[`shop_commits_total{outcome="unknown"}`], 1.0)
}

func TestTheReplicaThatAnswersForADeadOneCounts(t *testing.T) {
	s := openTill(t, nil)
	product := shoptest.Product(t, s.admin, 10)
	wake := s.freezeReplicas()
	answer := s.buy(s.ann, product)
	s.carriedOut("1")
	first, second := "api-1", "api-2"
	if figuresOf(t, s.Stack, second)["shop_http_requests_in_flight"] == 1 {
		first, second = second, first
	}
	begun := figuresOf(t, s.Stack, second)
	require.NoError(t, s.Process(first).Kill())
	s.until(func(now figures) bool { return now["shop_http_requests_in_flight"] == 1 }, "nginx asks the other one")
	wake()
	got := <-answer
	require.Equal(t, 201, got.Status, "%s", got.Body)
	require.Equal(t, second, got.Header.Get("X-Served-By"))
	s.ann.Want(t, 200, "GET", "/v1/purchases/"+got.Text(t, "id"), nil)
	rises(t, s.now(), begun, figures{pendingCount: 1})

	for range 20 {
		s.ann.Want(t, 200, "GET", "/v1/products/"+product, nil)
	}
	counted := s.now()["shop_http_retried_requests_total"]
	require.Positive(t, counted)
	twice := 0
	require.Eventually(t, func() bool { // nginx answers first, and then it logs
		twice = 0
		for _, nginx := range []string{"nginx-a", "nginx-b"} {
			log, err := os.ReadFile(filepath.Join(s.Dir(), "logs", nginx, "access.log"))
			require.NoError(t, err)
			twice += strings.Count(string(log), `"upstream_status":"502 : `)
		}
		return twice >= int(counted)
	}, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, int(counted), twice, "as often as nginx says")
}
