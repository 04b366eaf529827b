package users

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAReplicaMakesAsManyHashesAtOnceAsItsShareOfTheCores(t *testing.T) {
	for _, row := range []struct{ cores, replicas, want int }{
		{1, 2, 1}, {2, 2, 1}, {3, 2, 1}, {4, 2, 2}, {16, 2, 2}, {16, 16, 1}, {4, 3, 1},
	} {
		require.Equal(t, row.want, atOnce(row.cores, row.replicas), "%v", row)
	}
}

func TestAQueueOfHashesRefusesBeyondItsPlacesAndLeavesOtherPurposesAlone(t *testing.T) {
	p, err := NewPasswords(2)
	require.NoError(t, err)
	p.atOnce <- struct{}{} // one hash is being made, and goes on
	for len(p.atOnce) < cap(p.atOnce) {
		p.atOnce <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	const places = 1 + mostQueuedForSignUp
	ended := make(chan error, places)
	for range places {
		go func() {
			_, err := p.hash(ctx, forSignUp, "a password to hash")
			ended <- err
		}()
	}
	require.Eventually(t, func() bool { return p.lanes[forSignUp].Inside() == places }, 10*time.Second, time.Millisecond)
	_, err = p.hash(ctx, forSignUp, "one more")
	require.ErrorIs(t, err, ErrHashesBusy)

	cancel() // their callers go away
	for range places {
		require.ErrorIs(t, <-ended, context.Canceled)
	}
	<-p.atOnce
	hash, err := p.hash(t.Context(), forSignUp, "a password to hash")
	require.NoError(t, err, "places are given back")
	matches, err := p.matches(t.Context(), forLogIn, "an account", "a password to hash", hash)
	require.NoError(t, err)
	require.True(t, matches)
}
