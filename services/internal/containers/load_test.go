//go:build containers

package containers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/drill/load"
)

// perSecond is how many writes, and how many reads, the clients send.
const perSecond = 60

// underLoad lets the drill's clients buy and read through the published port while harm is done to the shop, and holds
// all that they saw against the promises: nothing that was acknowledged is lost or there twice. heal undoes the harm, once
// writes are answered again in spite of it; after that the shop has to become whole by itself.
func (s *shop) underLoad(t *testing.T, harm, heal func()) check.Figures {
	t.Helper()
	clients, err := load.Prepare(t.Context(), load.Options{
		URL: s.URL(), AdminEmail: s.Setting("ADMIN_EMAIL"), AdminPassword: s.Setting("ADMIN_PASSWORD"),
		Writes: perSecond, Reads: perSecond, Products: 24, Customers: 8, Seed: uint64(time.Now().UnixNano()),
	})
	require.NoError(t, err)
	stop := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 40*time.Second)
		defer cancel()
		return clients.Stop(ctx)
	}
	t.Cleanup(func() { _ = stop() })
	clients.Start()
	awaitAnswers(t, clients, 2*perSecond, func(history.Op) bool { return true })

	clients.Event(history.Fault, t.Name())
	harm()
	awaitWrites(t, clients)
	heal()
	clients.Event(history.Heal, "")
	awaitWrites(t, clients)
	require.NoError(t, stop())
	s.heal(t)
	clients.Event(history.Quiet, "")
	return judged(t, clients)
}

func awaitAnswers(t *testing.T, clients *load.Load, n int, accept func(history.Op) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, clients.Await(ctx, n, accept), "the clients are not answered")
}

// awaitWrites waits until a second's worth of writes that are sent from now on are done.
func awaitWrites(t *testing.T, clients *load.Load) {
	t.Helper()
	now := clients.Now()
	awaitAnswers(t, clients, perSecond/2, func(op history.Op) bool {
		return op.Start >= now && op.Kind.Write() && op.Outcome == history.Done
	})
}

// judged audits the shop and demands that it kept its word.
func judged(t *testing.T, clients *load.Load) check.Figures {
	t.Helper()
	h, err := clients.Finish(t.Context())
	require.NoError(t, err)
	v, f := check.Check(h), check.Measure(h)
	t.Logf("acknowledged %d, lost %d, doubled %d, unknown %d; longest without a good answer: writes %v, reads %v; errors %v",
		v.Acknowledged, v.Lost, v.Duplicated, v.Unknown, f.Writes.Gap.Round(time.Millisecond), f.Reads.Gap.Round(time.Millisecond), f.Errors)
	for _, op := range h.Ops {
		if op.Status == 0 {
			t.Logf("at %v a %s had no answer after %v: %s", op.Start, op.Kind, op.End-op.Start, op.Error)
		}
	}
	require.Empty(t, v.Violations)
	require.Zero(t, v.Lost)
	require.Zero(t, v.Duplicated)
	require.Greater(t, v.Acknowledged, perSecond)
	return f
}
