package load

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/history"
)

func TestProductsOfOneVersionAreEditedAtTheReplicaThatIsNamedAndAbandonedPurchasesByNobody(t *testing.T) {
	l, err := Prepare(t.Context(), Options{
		URL: shop.URL(), AdminEmail: shop.Setting("ADMIN_EMAIL"), AdminPassword: shop.Setting("ADMIN_PASSWORD"), Seed: 1,
		Again: 30, Unedited: 3,
	})
	require.NoError(t, err)
	apart := l.Unedited()
	require.Len(t, apart, 3)
	l.Start()
	defer func() { require.NoError(t, l.Stop(t.Context())) }()
	l.Program("api-2", "a version")
	l.Edits("http://"+shop.Process("api-2").Addr(), 20)
	abandoned, err := l.Abandon(t.Context(), 4)
	require.NoError(t, err)
	l.Ends(abandoned[0], time.Minute)
	awaitAnswers(t, l, 1000, 0)
	h := ended(t, l)

	requireComplete(t, h)
	requireAudit(t, h)
	require.Equal(t, []history.Reservation{{Purchase: abandoned[0], Ends: time.Minute}}, h.Reservations)
	require.Equal(t, "api-2", h.Events[0].Replica)
	edits := map[string]int{}
	for _, op := range h.Ops {
		if op.Kind == history.Edit && op.Outcome == history.Done {
			edits[op.ServedBy]++
		}
		if op.Kind == history.Edit && slices.Contains(apart, op.Product) {
			require.Equal(t, "api-2", op.ServedBy, "%+v", op)
			edits["apart"]++
		}
		require.False(t, op.Kind != history.Buy && slices.Contains(abandoned, op.Purchase), "%+v", op)
	}
	require.Greater(t, edits["apart"], 10)
	require.Positive(t, edits["api-1"], "the others are edited at both")
	for _, p := range h.Audit.Purchases {
		require.True(t, !slices.Contains(abandoned, p.ID) || p.State == "pending", "%+v", p)
	}
}
