package lane

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const mostOfCaller, rests = 8, 3

func TestACallerWaitsForOneOfAnotherCallerAtMost(t *testing.T) {
	l := New(1, 32).TakingTurns(mostOfCaller, 0)
	leave, err := l.Enter(t.Context(), "greedy")
	require.NoError(t, err)
	order := make(chan string, mostOfCaller)
	enter := func(caller string, waiting int) {
		go func() {
			leave, err := l.Enter(t.Context(), caller)
			if err == nil {
				order <- caller
				leave(0)
			}
		}()
		require.Eventually(t, func() bool { return l.Inside() == waiting }, 10*time.Second, time.Millisecond)
	}
	for n := range mostOfCaller - 1 {
		enter("greedy", 2+n)
	}
	_, err = l.Enter(t.Context(), "greedy")
	require.ErrorIs(t, err, ErrCallerBusy, "a caller has a part of the places")
	enter("another", 1+mostOfCaller)

	leave(0)
	first, second := <-order, <-order
	require.Contains(t, []string{first, second}, "another", "of %d before it at most one went first", mostOfCaller-1)
	for range mostOfCaller - 2 {
		<-order
	}
	require.Eventually(t, func() bool { return l.Inside() == 0 }, 10*time.Second, time.Millisecond)
	require.Empty(t, l.callers, "callers are forgotten")
}

func TestACallerThatGoesAwayLeavesItsPlaceAndItsTurn(t *testing.T) {
	l := New(1, 32).TakingTurns(mostOfCaller, 0)
	leave, err := l.Enter(t.Context(), "one")
	require.NoError(t, err)
	for _, caller := range []string{"one", "another"} { // one waits for its turn, the other for the slot
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := l.Enter(ctx, caller)
			ended <- err
		}()
		require.Eventually(t, func() bool { return l.Inside() == 2 }, 10*time.Second, time.Millisecond)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	}
	leave(0)
	for _, caller := range []string{"one", "another"} {
		leave, err := l.Enter(t.Context(), caller)
		require.NoError(t, err)
		leave(0)
	}
	require.Zero(t, l.Inside())
}

func TestASlotRestsAfterItsWork(t *testing.T) {
	l := New(1, 16).Resting(rests)
	leave, err := l.Enter(t.Context(), "")
	require.NoError(t, err)
	const took = 20 * time.Millisecond
	begun := time.Now()
	leave(took)
	require.Zero(t, l.Inside(), "the one that is over waits for nothing")
	leave, err = l.Enter(t.Context(), "")
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begun), rests*took)
	leave(0)
	leave, err = l.Enter(t.Context(), "")
	require.NoError(t, err, "without work there is no rest")
	leave(0)
}

func TestACallerRestsBetweenTurnsAndAnotherDoesNotWaitForThat(t *testing.T) {
	l := New(1, 32).TakingTurns(mostOfCaller, rests)
	leave, err := l.Enter(t.Context(), "one")
	require.NoError(t, err)
	const took = 200 * time.Millisecond
	begun := time.Now()
	leave(took)
	leave, err = l.Enter(t.Context(), "another")
	require.NoError(t, err)
	leave(0)
	another := time.Since(begun)
	leave, err = l.Enter(t.Context(), "one")
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begun), rests*took)
	require.Less(t, another, rests*took)
	leave(0)
	require.Empty(t, l.callers, "callers are forgotten")
	require.Zero(t, l.Inside())
}

func TestWorkWithoutACallerTakesNoTurns(t *testing.T) {
	l := New(2, 0).TakingTurns(1, rests)
	for range 2 {
		_, err := l.Enter(t.Context(), "")
		require.NoError(t, err)
	}
	_, err := l.Enter(t.Context(), "")
	require.ErrorIs(t, err, ErrBusy)
}
