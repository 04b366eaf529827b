package faults_test

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

func isRead(r result) bool  { return !r.write }
func isWrite(r result) bool { return r.write }

func slowest(results []result, of func(result) bool) time.Duration {
	most := time.Duration(math.MinInt64)
	for _, r := range filter(results, of) {
		most = max(most, r.done.Sub(r.sent))
	}
	return most.Round(time.Millisecond)
}

func filter(results []result, accept func(result) bool) []result {
	var found []result
	for _, r := range results {
		if accept(r) {
			found = append(found, r)
		}
	}
	return found
}

// requireAllRight demands of every request that it was answered as if nothing
// had happened.
func requireAllRight(t *testing.T, results []result) {
	t.Helper()
	var wrong []string
	for _, r := range filter(results, func(r result) bool { return !r.right() }) {
		wrong = append(wrong, fmt.Sprintf("%s %s at %s, after %v: %d %s %v", r.method, r.path, r.sent.Format(time.StampMilli),
			r.done.Sub(r.sent), r.answer.Status, r.answer.Body, r.err))
	}
	require.Empty(t, wrong[:min(len(wrong), 5)], "%d of %d requests failed", len(wrong), len(results))
}

// requireEachOnce holds what was answered against what the shop has: every
// acknowledged purchase is there, under the id that was told, and none twice; a
// purchase whose answer was no 201 is there once at most.
func (f *traffic) requireEachOnce(t *testing.T, results []result) {
	t.Helper()
	there, pieces := map[int64][]string{}, int64(0)
	for _, p := range shoptest.Purchases(t, f.customer, "/v1/purchases?limit=100") {
		require.Len(t, p.Items, 1)
		serial := p.Items[0].Quantity
		there[serial] = append(there[serial], p.ID)
		pieces += serial
	}
	acknowledged := 0
	for _, r := range filter(results, isWrite) {
		if r.right() {
			acknowledged++
			var told shoptest.Purchase
			r.answer.Into(t, &told)
			require.Equal(t, []string{told.ID}, there[r.serial], "the acknowledged purchase %d (key %q)", r.serial, r.key)
		}
		require.LessOrEqual(t, len(there[r.serial]), 1, "the purchase %d (key %q) was made twice", r.serial, r.key)
		delete(there, r.serial)
	}
	require.Empty(t, there, "purchases that nobody asked for")
	t.Logf("%d purchases acknowledged, each there once", acknowledged)
	require.Equal(t, pieces, shoptest.LedgerOf(t, f.admin, f.product).Sold)
}

// requireReplays sends every keyed purchase once more and demands the first
// answer, byte for byte; where there was none, the purchase now is made.
func (f *traffic) requireReplays(t *testing.T, results []result) {
	t.Helper()
	for _, r := range filter(results, func(r result) bool { return r.key != "" }) {
		a, err := f.again(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, http.StatusCreated, a.Status, "%s", a.Body)
		if r.right() {
			require.Equal(t, "true", a.Header.Get("Idempotency-Replayed"))
			require.Equal(t, string(r.answer.Body), string(a.Body))
		}
	}
}
