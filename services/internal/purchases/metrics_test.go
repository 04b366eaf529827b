package purchases

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
)

func TestAnOutcomeIsCountedByTheRequestThatMadeItWhileItIsWaitedFor(t *testing.T) {
	open, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
	defer cancel()
	over, cancelOver := context.WithDeadline(t.Context(), time.Now().Add(-time.Millisecond))
	defer cancelOver()
	gone, goAway := context.WithCancel(t.Context())
	goAway()
	m := NewMetrics(prometheus.NewRegistry())
	for _, row := range []struct {
		name string
		ctx  context.Context
		own  bool
		want bool
	}{
		{"made by this request", open, true, true},
		{"made by the shop itself, which has no deadline", t.Context(), true, true},
		{"made by another request under the same key", open, false, false},
		{"the client went away, and it was done all the same", gone, true, true},
		{"the replica stood still, and nginx has asked another one", over, true, false},
	} {
		require.Equal(t, row.want, m.counts(row.ctx, redisdb.Result{Own: row.own}), row.name)
	}
	require.False(t, (*Metrics)(nil).counts(open, redisdb.Result{Own: true}))
}

func TestWhatARefundIsWorth(t *testing.T) {
	items := []Item{{Quantity: 3}, {Quantity: 2}}
	items[0].UnitPrice.Amount, items[1].UnitPrice.Amount = 100, 7
	for pieces, want := range map[string]int64{"": 0, "0,0": 0, "1,0": 100, "3,2": 314, "0,2,9": 14} {
		require.Equal(t, want, refundedAmount(items, pieces), pieces)
	}
}
