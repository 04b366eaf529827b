package load

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/history"
)

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
			history.Number(op.NewToken) <= history.Number(read.Token)
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
