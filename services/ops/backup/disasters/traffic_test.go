package disasters_test

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/drill/load"
)

// perSecond is how many writes, and how many reads, clients send.
const perSecond = 40

// traffic is what clients do to a shop during a disaster.
type traffic struct {
	*load.Load
	shop  *shop
	began time.Time
}

// startTraffic returns when the first answers have come.
func (s *shop) startTraffic() *traffic {
	s.t.Helper()
	l, err := load.Prepare(s.t.Context(), load.Options{
		URL: s.URL(), AdminEmail: s.Setting("ADMIN_EMAIL"), AdminPassword: s.Setting("ADMIN_PASSWORD"),
		Writes: perSecond, Reads: perSecond, Products: 12, Customers: 4, Seed: uint64(time.Now().UnixNano()),
	})
	require.NoError(s.t, err)
	c := &traffic{Load: l, shop: s, began: time.Now()}
	s.t.Cleanup(func() { _ = c.stop() })
	c.Start()
	c.goesOn()
	c.Event(history.Fault, s.t.Name())
	return c
}

func (c *traffic) stop() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.shop.t.Context()), 40*time.Second)
	defer cancel()
	return c.Stop(ctx)
}

// goesOn waits until a second's worth of writes that are sent from now on are done.
func (c *traffic) goesOn() {
	c.shop.t.Helper()
	now := c.Now()
	ctx, cancel := context.WithTimeout(c.shop.t.Context(), patience)
	defer cancel()
	require.NoError(c.shop.t, c.Await(ctx, perSecond, func(op history.Op) bool {
		return op.Start >= now && op.Kind.Write() && op.Outcome == history.Done
	}), "the clients are not answered")
}

// end stops the traffic, and demands that no acknowledged write is lost and that none is done twice. It gives the figures.
func (c *traffic) end() check.Figures {
	t := c.shop.t
	t.Helper()
	c.goesOn()
	c.Event(history.Heal, "")
	require.NoError(t, c.stop())
	c.Event(history.Quiet, "")
	lasted := time.Since(c.began)
	h, err := c.Finish(t.Context())
	require.NoError(t, err)
	v, f := check.Check(h), check.Measure(h)
	t.Logf("%d requests in %v, %d failed; acknowledged %d, lost %d, doubled %d; slowest write %v, slowest read %v",
		f.Writes.Requests+f.Reads.Requests, lasted.Round(time.Second), f.Writes.Failed+f.Reads.Failed, v.Acknowledged, v.Lost,
		v.Duplicated, slowest(f.Writes), slowest(f.Reads))
	require.Empty(t, v.Violations)
	require.Zero(t, v.Lost)
	require.Zero(t, v.Duplicated)
	require.Greater(t, v.Acknowledged, perSecond)
	return f
}

// endWithoutFailure is end for a disaster of which no client may notice more than a delay.
func (c *traffic) endWithoutFailure() {
	c.shop.t.Helper()
	require.Empty(c.shop.t, c.end().Errors)
}

func slowest(s check.Series) time.Duration {
	return max(s.Before.Max, s.During.Max, s.After.Max).Round(time.Millisecond)
}
