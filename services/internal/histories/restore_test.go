package histories_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// patience is how long a step may take on a busy machine.
const patience = 40 * time.Second

// story is one restore, and when its steps were taken.
type story struct {
	s       *stack.Stack
	n       node
	admin   *shoptest.Client
	product string
	load    *load

	backup                           []entry
	held, replacing, opening, opened time.Time
	history                          string
}

// begin starts a shop with customers who buy, through nginx or at one replica, and makes a backup.
func begin(t *testing.T, at string) *story {
	t.Helper()
	r := &story{s: startShop(t)}
	r.n, r.admin = primary(t, r.s), shoptest.Admin(t, r.s)
	r.product = shoptest.Product(t, r.admin, 1_000_000)
	base := r.s.URL()
	if at != "" {
		base = "http://" + r.s.Process(at).Addr()
	}
	r.load = startLoad(t, base, r.admin, shoptest.Customers(t, r.admin, 4), r.product)
	r.await(t, 50, bought)
	r.replicasKnowEachOther(t)
	r.backup = r.n.backup(t)
	return r
}

// replicasKnowEachOther returns when each has signed that it is alive after the other one did.
func (r *story) replicasKnowEachOther(t *testing.T) {
	t.Helper()
	var first []string
	require.Eventually(t, func() bool {
		signs := strings.Split(r.n.do(t, "ZMSCORE", redisdb.KeyReplicas(), "api-1", "api-2"), "\n")
		if first == nil && !slices.Contains(signs, "") {
			first = signs
		}
		return first != nil && signs[0] > first[0] && signs[1] > first[1]
	}, patience, 10*time.Millisecond)
}

// await returns once there are n answers of a kind.
func (r *story) await(t *testing.T, n int, accept func(answer) bool) {
	t.Helper()
	require.Eventually(t, func() bool { return len(r.load.all(accept)) >= n }, patience, 10*time.Millisecond)
}

// close holds the shop and replaces its data by the backup's, as a restore does.
func (r *story) close(t *testing.T) {
	t.Helper()
	r.held = r.n.hold(t)
	r.await(t, 40, sentAfter(r.held))
	r.replacing = time.Now()
	r.n.replace(t, r.backup)
	replaced := time.Now()
	r.await(t, 40, sentAfter(replaced))
}

func (r *story) reopen(t *testing.T) {
	t.Helper()
	r.opening = time.Now()
	r.history, r.opened = r.n.open(t, "3")
}

func sentAfter(begin time.Time) func(answer) bool {
	return func(a answer) bool { return a.sent.After(begin) }
}

func during(begin, end time.Time) func(answer) bool {
	return func(a answer) bool { return a.sent.After(begin) && a.done.Before(end) }
}

func and(both ...func(answer) bool) func(answer) bool {
	return func(a answer) bool {
		return !slices.ContainsFunc(both, func(one func(answer) bool) bool { return !one(a) })
	}
}

// counts tells how often clients were told what.
func counts(answers []answer) map[string]int {
	all := map[string]int{}
	for _, a := range answers {
		all[a.told()]++
	}
	return all
}

func (r *story) has(t *testing.T, a answer) bool {
	t.Helper()
	return r.n.do(t, "EXISTS", redisdb.KeyPurchase(a.Text(t, "id"))) == "1"
}

func TestARestoreUnderLoadIsSeenAs503AndNoAcknowledgedWriteIsInTheWrongHistory(t *testing.T) {
	for name, pause := range map[string]func(t *testing.T, r *story, pids []int){
		"the shop opens before the replicas have noticed": func(*testing.T, *story, []int) {},
		"the shop opens after they were started again": func(t *testing.T, r *story, pids []int) {
			t.Helper()
			require.Eventually(t, func() bool { return r.areOthers(pids) }, patience, 10*time.Millisecond)
			for _, name := range []string{"api-1", "api-2"} {
				r.awaitsTheEnd(t, name)
			}
		},
	} {
		t.Run(name, func(t *testing.T) { restoreUnderLoad(t, pause) })
	}
}

// areOthers reports whether each replica has ended and was started again.
func (r *story) areOthers(pids []int) bool {
	one, two := r.s.Process("api-1").PID(), r.s.Process("api-2").PID()
	return one > 0 && two > 0 && one != pids[0] && two != pids[1]
}

func restoreUnderLoad(t *testing.T, pause func(*testing.T, *story, []int)) {
	t.Helper()
	r := begin(t, "")
	pids := []int{r.s.Process("api-1").PID(), r.s.Process("api-2").PID()}
	lost := r.admin.Want(t, http.StatusOK, "PATCH", "/v1/products/"+r.product, shoptest.Object{"name": "Lost"})
	cursor := r.admin.Want(t, http.StatusOK, "GET", "/v1/purchases?limit=1", nil).Text(t, "next_cursor")
	r.await(t, 2*len(r.load.all(bought)), bought)
	r.close(t)
	pause(t, r, pids)
	r.reopen(t)
	require.Eventually(t, func() bool { return r.areOthers(pids) }, patience, 10*time.Millisecond)
	for _, name := range []string{"api-1", "api-2"} {
		r.await(t, 100, func(a answer) bool { return bought(a) && a.Header.Get("X-Served-By") == name && a.sent.After(r.opened) })
	}
	r.load.end()

	r.nothingWasAnsweredMeanwhile(t)
	r.clientsSawOnly503(t)
	r.whatWasAcknowledgedIsThere(t)

	path := "/v1/products/" + r.product
	guest := shoptest.New(r.s.URL())
	require.NotEqual(t, "Lost", guest.With("Consistency-Token", lost.Header.Get("Consistency-Token")).
		Want(t, http.StatusOK, "GET", path, nil).Text(t, "name"))
	r.admin.Refused(t, http.StatusGone, "cursor-outdated", "GET", "/v1/purchases?limit=1&cursor="+cursor, nil)
	written := r.admin.Want(t, http.StatusOK, "PATCH", path, shoptest.Object{"name": "New"})
	require.Regexp(t, `^3\.`+r.history+`\.1\d{9}\.`, written.Header.Get("Consistency-Token"))
}

// nothingWasAnsweredMeanwhile holds that no write was answered after the mark was on all nodes, and no read from a
// data set that was not complete.
func (r *story) nothingWasAnsweredMeanwhile(t *testing.T) {
	t.Helper()
	writes := counts(r.load.all(and(func(a answer) bool { return a.err == nil && a.write }, during(r.held, r.opening))))
	reads := counts(r.load.all(and(func(a answer) bool { return a.err == nil && !a.write }, during(r.replacing, r.opening))))
	for _, told := range []map[string]int{writes, reads} {
		require.NotEmpty(t, told)
		for text := range told {
			require.True(t, strings.HasPrefix(text, "50"), "%v", told)
		}
	}
}

// clientsSawOnly503 lists what clients were told from the mark on, and how long the shop was away after its opening.
func (r *story) clientsSawOnly503(t *testing.T) {
	t.Helper()
	told := counts(r.load.all(func(a answer) bool { return a.done.After(r.held.Add(-time.Second)) }))
	t.Logf("told: %v", told)
	first := r.load.all(and(bought, sentAfter(r.opening)))[0]
	refused := r.load.all(and(func(a answer) bool { return a.Status >= 500 }, sentAfter(r.opening)))
	last := r.opened
	if len(refused) > 0 {
		last = refused[len(refused)-1].done
	}
	t.Logf("the mark was there for %v; the first purchase was acknowledged %v after the opening, the last refusal came %v after it",
		r.opened.Sub(r.held), first.done.Sub(r.opened), last.Sub(r.opened))
	allowed := []string{"200", "201", "503 restoring", "503 outcome-unknown", "503 starting"}
	for _, text := range slices.Sorted(maps.Keys(told)) {
		require.Contains(t, allowed, text, "%v", told)
	}
}

// whatWasAcknowledgedIsThere holds the shop's purchases against what was acknowledged.
func (r *story) whatWasAcknowledgedIsThere(t *testing.T) {
	t.Helper()
	saved := map[string]bool{}
	for _, e := range r.backup {
		saved[e.key] = true
	}
	kept, gone := 0, 0
	for _, a := range r.load.all(bought) {
		key := redisdb.KeyPurchase(a.Text(t, "id"))
		if a.sent.After(r.opening) || saved[key] {
			require.True(t, r.has(t, a), "%s", a.Body)
			kept++
			continue
		}
		require.True(t, a.sent.Before(r.held), "acknowledged before the mark, after the backup")
		require.False(t, r.has(t, a))
		gone++
	}
	require.Positive(t, gone)
	ledger := shoptest.LedgerOf(t, r.admin, r.product)
	require.Equal(t, r.n.do(t, "ZCARD", redisdb.KeyAllPurchases()), sprint(ledger.Sold))
	t.Logf("%d acknowledged purchases are there, %d of between the backup and the restore are not", kept, gone)
}
