package load

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/stack"
)

// shop is the stack that these tests load, one after the other.
var shop *stack.Stack

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var err error
	services := slices.DeleteFunc(stack.Everything(), func(name string) bool { return name == "prometheus" })
	if shop, err = stack.Start(ctx, stack.Options{Services: services}); err != nil {
		fmt.Fprintln(os.Stderr, "the stack did not start:", err)
		return 1
	}
	defer func() {
		if err := shop.Stop(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "the stack did not stop:", err)
		}
	}()
	return m.Run()
}

// begun starts a load on the shop; whoever forgets to stop it has it stopped.
func begun(t *testing.T) *Load {
	t.Helper()
	l, err := Prepare(t.Context(), Options{
		URL: shop.URL(), AdminEmail: shop.Setting("ADMIN_EMAIL"), AdminPassword: shop.Setting("ADMIN_PASSWORD"), Seed: 1,
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 40*time.Second)
		defer cancel()
		require.NoError(t, l.Stop(ctx))
	})
	l.Start()
	return l
}

// awaitAnswers waits until n requests that were sent after from were answered.
func awaitAnswers(t *testing.T, l *Load, n int, from time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, l.Await(ctx, n, func(op history.Op) bool { return op.Start >= from }))
}

// ended stops the load and gives its history.
func ended(t *testing.T, l *Load) *history.History {
	t.Helper()
	require.NoError(t, l.Stop(t.Context()))
	h, err := l.Finish(t.Context())
	require.NoError(t, err)
	seconds := h.Ops[len(h.Ops)-1].Start.Seconds()
	writes := count(h.Ops, func(op history.Op) bool { return op.Kind.Write() })
	t.Logf("%.1f s, %d writes (%.0f/s), %d reads (%.0f/s), %+v", seconds,
		writes, float64(writes)/seconds, len(h.Ops)-writes, float64(len(h.Ops)-writes)/seconds, l.Counts())
	return h
}

func count(ops []history.Op, accept func(history.Op) bool) (n int) {
	for _, op := range ops {
		if accept(op) {
			n++
		}
	}
	return n
}

func TestAQuietShopAnswersEverythingAndTheAuditFindsItAll(t *testing.T) {
	l := begun(t)
	awaitAnswers(t, l, 2000, 0)
	l.Event(history.Quiet, "")
	h := ended(t, l)

	requireComplete(t, h)
	for _, op := range h.Ops {
		require.Contains(t, []history.Outcome{history.Done, history.Refused}, op.Outcome, "%+v", op)
		require.Empty(t, op.Error, "%+v", op)
	}
	requireAllKinds(t, h)
	requireReplays(t, h)
	requireAudit(t, h)
	require.Equal(t, history.Quiet, h.Events[0].What)
	require.Positive(t, h.Events[0].At)
	requireSmallPartitions(t, h)
}

func TestTheLoadGoesOnWhenAnAPIReplicaIsKilled(t *testing.T) {
	l := begun(t)
	awaitAnswers(t, l, 400, 0)
	require.NoError(t, shop.Process("api-1").Kill())
	dead := l.Now()
	awaitAnswers(t, l, 800, dead)
	require.NoError(t, shop.Process("api-1").Restart(t.Context()))
	back := l.Now()
	awaitAnswers(t, l, 400, back)
	h := ended(t, l)

	requireComplete(t, h)
	requireAudit(t, h)
	require.Positive(t, count(h.Ops, func(op history.Op) bool { return op.Start > dead && op.End < back && op.ServedBy == "api-2" }))
	require.Zero(t, count(h.Ops, func(op history.Op) bool { return op.Start > dead && op.End < back && op.ServedBy == "api-1" }))
}

func TestAWriteWithAKeyIsSentAgainWhenItsConnectionBreaksAndNoOtherIs(t *testing.T) {
	l := begun(t)
	awaitAnswers(t, l, 400, 0)
	broke := func(keyed bool) int {
		ops, _ := l.record.since(0)
		return count(ops, func(op history.Op) bool { return op.Kind.Write() && op.Status == 0 && (op.Key != "") == keyed })
	}
	nginx := shop.Process("nginx-a")
	for broke(true) == 0 || broke(false) == 0 {
		// Frozen first, so that its connections have requests on them when it dies.
		require.NoError(t, nginx.Pause())
		awaitAnswers(t, l, 200, l.Now())
		require.NoError(t, nginx.Kill())
		awaitAnswers(t, l, 200, l.Now())
		require.NoError(t, nginx.Restart(t.Context()))
	}
	h := ended(t, l)

	requireComplete(t, h)
	requireAudit(t, h)
	for _, group := range h.Logicals() {
		if first := group[0]; first.Kind.Write() && first.Status == 0 {
			require.Equal(t, history.Unknown, first.Outcome)
			require.NotEmpty(t, first.Error)
			require.Equal(t, first.Key == "", failed(group[len(group)-1]), "%+v", group)
		}
	}
}

// requireComplete demands what every history promises of its operations.
func requireComplete(t *testing.T, h *history.History) {
	t.Helper()
	first := map[int]history.Op{}
	for i, op := range h.Ops {
		require.Equal(t, i+1, op.ID, "every request was answered, and they are in order")
		require.LessOrEqual(t, op.Start, op.End)
		if i > 0 {
			require.LessOrEqual(t, h.Ops[i-1].Start, op.Start)
		}
		if op.Logical == op.ID {
			first[op.ID] = op
		}
		f := first[op.Logical]
		require.Equal(t, f.Kind, op.Kind)
		require.Equal(t, []any{f.Key, f.Mark, f.Lines, f.Delta, f.IfMatch}, []any{op.Key, op.Mark, op.Lines, op.Delta, op.IfMatch})
		if op.ID != op.Logical {
			require.NotEmpty(t, op.Key, "only what has a key is sent again")
		}
		if op.Strength == history.Token {
			requireOwn(t, h, op)
		}
	}
}

// requireOwn demands that a read with a token is of something that the same client
// wrote before, and that the token is no older than that write's.
func requireOwn(t *testing.T, h *history.History, read history.Op) {
	t.Helper()
	require.True(t, slices.ContainsFunc(h.Ops[:read.ID-1], func(op history.Op) bool {
		return op.Kind.Write() && op.Client == read.Client && op.End <= read.Start && op.Outcome == history.Done &&
			((op.Product == read.Product && op.Product != "") || (op.Purchase == read.Purchase && op.Purchase != "")) &&
			(len(op.NewToken) < len(read.Token) || (len(op.NewToken) == len(read.Token) && op.NewToken <= read.Token))
	}), "%+v", read)
}

func requireAllKinds(t *testing.T, h *history.History) {
	t.Helper()
	kinds, done := map[history.Kind]int{}, map[history.Kind]int{}
	strengths, refusals := map[history.Strength]int{}, map[string]int{}
	for _, op := range h.Ops {
		kinds[op.Kind]++
		if op.Outcome == history.Done {
			done[op.Kind]++
		} else {
			refusals[op.Code]++
		}
		if !op.Kind.Write() {
			strengths[op.Strength]++
		}
	}
	t.Log(kinds, done, strengths, refusals)
	for _, kind := range []history.Kind{history.Buy, history.Pay, history.Cancel, history.Adjust, history.Edit, history.ReadProduct, history.ReadPurchase} {
		require.Positive(t, done[kind], kind)
	}
	reads := kinds[history.ReadProduct] + kinds[history.ReadPurchase]
	require.InDelta(t, 0.12, float64(strengths[history.Strong])/float64(reads), 0.04)
	require.Greater(t, float64(strengths[history.Token])/float64(reads), 0.3)
	require.Positive(t, strengths[history.Plain])
	for _, code := range []string{"insufficient-stock", "wrong-status", "stale"} {
		require.Positive(t, refusals[code], code)
	}
	require.Len(t, refusals, 3, "%v", refusals)
	require.Zero(t, done[history.ReadProduct]+done[history.ReadPurchase]-reads, "no read is refused")
}

// requireReplays demands that each operation was done for the first time once, and
// that what was sent again was answered the same.
func requireReplays(t *testing.T, h *history.History) {
	t.Helper()
	again := 0
	for _, group := range h.Logicals() {
		fresh := 0
		for _, op := range group {
			if !op.Replayed {
				fresh++
			}
			require.Equal(t, []any{group[0].Status, group[0].Body, group[0].Code}, []any{op.Status, op.Body, op.Code})
		}
		require.Equal(t, 1, fresh, "%+v", group)
		again += len(group) - 1
	}
	require.Positive(t, again)
}

// requireAudit demands that the purchases and the ledgers agree with the answers.
func requireAudit(t *testing.T, h *history.History) {
	t.Helper()
	audit, marks := map[string]history.Purchase{}, map[int64]int{}
	sold := map[string]int64{}
	for _, p := range h.Audit.Purchases {
		audit[p.ID] = p
		if p.Mark > MarkBase {
			marks[p.Mark]++
		}
		for _, line := range p.Lines {
			sold[line.Product] += line.Quantity
		}
	}
	require.Len(t, audit, len(h.Audit.Purchases))
	for _, op := range h.Ops {
		if op.Kind == history.Buy && op.Outcome == history.Done {
			bought := audit[op.Purchase]
			require.Equal(t, op.User, bought.User)
			require.Equal(t, op.Lines, bought.Lines)
			if op.Mark != 0 {
				require.Equal(t, op.Mark, bought.Mark)
				require.Equal(t, 1, marks[op.Mark])
			} else {
				require.Less(t, bought.Mark, int64(MarkBase))
			}
		}
	}
	require.Len(t, h.Audit.Products, len(h.Initial))
	for id, l := range h.Audit.Products {
		require.Equal(t, l.Stock, l.Initial+l.Adjusted-l.Sold+l.Returned, "%+v", l)
		require.Equal(t, h.Initial[id].Initial, l.Initial)
		require.Equal(t, sold[id], l.Sold)
		require.Positive(t, l.Version)
	}
}

// requireSmallPartitions demands that half a minute of this load leaves the check for
// linearizability with less than 1,500 operations on any product.
func requireSmallPartitions(t *testing.T, h *history.History) {
	t.Helper()
	most, sizes := 0, map[string]int{}
	add := func(product string) {
		sizes[product]++
		most = max(most, sizes[product])
	}
	for _, group := range h.Logicals() {
		switch op := group[0]; {
		case op.Kind == history.Buy:
			for _, line := range op.Lines {
				add(line.Product)
			}
		case op.Product != "" && (op.Kind.Write() || op.Strength == history.Strong):
			add(op.Product)
		}
	}
	seconds := h.Ops[len(h.Ops)-1].Start.Seconds()
	t.Logf("most operations on one product: %d, %.0f in 25 s", most, float64(most)/seconds*25)
	require.Less(t, float64(most)/seconds*25, 1500.0)
}
