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
	if shop, err = stack.Start(ctx, stack.Options{Services: services, Settings: stack.WithHighQuotas(nil)}); err != nil {
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
	again := l.Now()
	require.NoError(t, shop.Process("api-1").Restart(t.Context()))
	awaitAnswers(t, l, 400, l.Now())
	h := ended(t, l)

	requireComplete(t, h)
	requireAudit(t, h)
	// It answers as soon as its port is open, which Restart notices a moment later.
	away := func(op history.Op) bool { return op.Start > dead && op.End < again }
	require.Positive(t, count(h.Ops, func(op history.Op) bool { return away(op) && op.ServedBy == "api-2" }))
	require.Zero(t, count(h.Ops, func(op history.Op) bool { return away(op) && op.ServedBy == "api-1" }))
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

func TestAStopThatMayNotWaitBreaksOffWhatIsUnderWay(t *testing.T) {
	l := begun(t)
	awaitAnswers(t, l, 100, 0)
	both := []*stack.Process{shop.Process("nginx-a"), shop.Process("nginx-b")}
	for _, nginx := range both {
		require.NoError(t, nginx.Pause())
	}
	answered := l.Counts().Answered
	require.Eventually(t, func() bool { return l.Counts().Sent > answered+100 }, 10*time.Second, 10*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, l.Stop(ctx), context.DeadlineExceeded)
	for _, nginx := range both {
		require.NoError(t, nginx.Resume())
	}

	h, err := l.Finish(t.Context())
	require.NoError(t, err)
	requireComplete(t, h)
	require.Greater(t, count(h.Ops, func(op history.Op) bool { return op.Outcome == history.Unknown }), 50)
	require.Equal(t, l.Counts().Sent, l.Counts().Answered)
}
