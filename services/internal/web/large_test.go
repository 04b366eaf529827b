package web

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// of is the context of a request of a caller, and its holding.
func of(t *testing.T, m *Memory, caller string) (context.Context, *holding) {
	t.Helper()
	h := holder(m, caller)
	return context.WithValue(t.Context(), holdingKey{}, h), h
}

func TestLargeAnswersAreMadeOneAtATimeAndSmallOnesBesideThem(t *testing.T) {
	m := NewMemory(32*mebibyte, prometheus.NewRegistry())
	first, making := of(t, m, "user a")
	require.NoError(t, HoldToShow(first, smallBytes+1))
	require.NoError(t, HoldToShow(first, smallBytes), "it has the slot already")

	made := make(chan error)
	second, waiting := of(t, m, "user b")
	go func() { made <- HoldToShow(second, smallBytes+1) }()
	require.Eventually(t, func() bool { return m.large.Inside() == 2 }, 10*time.Second, time.Millisecond)
	small, _ := of(t, m, "user b")
	require.NoError(t, HoldToShow(small, smallBytes))
	admin, _ := of(t, m, "")
	require.NoError(t, HoldToShow(admin, mebibyte), "admins do not wait")
	body, _ := of(t, m, "user c")
	require.NoError(t, Hold(body, mebibyte), "a write does not wait")
	select {
	case err := <-made:
		t.Fatalf("two large answers are made at once: %v", err)
	default:
	}

	making.endMaking()
	require.NoError(t, <-made)
	waiting.endMaking()
	require.Zero(t, m.large.Inside())
}

func TestTooManyLargeAnswersAreRefusedAtOnceByCallerAndInAll(t *testing.T) {
	m := NewMemory(64*mebibyte, prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(t.Context())
	enter := func(caller string) error {
		return HoldToShow(context.WithValue(ctx, holdingKey{}, holder(m, caller)), smallBytes+1)
	}
	require.NoError(t, enter("user 0"))
	ended := make(chan error, largeQueued)
	for n := range largeQueued {
		go func() { ended <- enter("user " + string(rune('0'+(n+1)/largeOfCaller))) }()
		require.Eventually(t, func() bool { return m.large.Inside() == n+2 }, 10*time.Second, time.Millisecond)
		if n+2 == largeOfCaller {
			require.ErrorIs(t, enter("user 0"), ErrCallerFull)
		}
	}
	require.ErrorIs(t, enter("another user"), ErrFull)
	cancel()
	for range largeQueued {
		require.ErrorIs(t, <-ended, context.Canceled)
	}
}
