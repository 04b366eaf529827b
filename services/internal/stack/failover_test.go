package stack

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// One cluster goes through all of it, as a shop's would.
func TestNodesComeAndGoAndThereIsNeverASecondPrimary(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: RedisAndSentinels()})
	set(t, s, "first", "1")
	seconds := watchPrimaries(t, s)

	t.Run("a replica restarts", func(t *testing.T) {
		require.NoError(t, s.Process("redis-3").Restart(t.Context()))
		requireOnePrimary(t, s, "redis-1")
		requireHas(t, s, "first", "1")
	})
	t.Run("a Sentinel restarts", func(t *testing.T) {
		require.NoError(t, s.Process("sentinel-1").Restart(t.Context()))
		requireOnePrimary(t, s, "redis-1")
	})
	t.Run("the primary restarts at once and stays primary", func(t *testing.T) {
		require.NoError(t, s.Process("redis-1").Restart(t.Context()))
		require.NoError(t, s.AwaitHealthy(t.Context()))
		requireOnePrimary(t, s, "redis-1")
		requireHas(t, s, "first", "1")
	})
	t.Run("the primary is killed and another takes over in time", func(t *testing.T) {
		require.NoError(t, s.Process("redis-1").Kill())
		// down-after 2 s, then the election, and the machine may be busy.
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		primary, err := s.AwaitPrimary(ctx, func(name string) bool { return name != "redis-1" })
		require.NoError(t, err)
		t.Logf("%s is primary after %v", primary, time.Since(began))
	})
	t.Run("the old primary comes back as a replica", func(t *testing.T) {
		require.NoError(t, s.Process("redis-1").Restart(t.Context()))
		require.NoError(t, s.AwaitHealthy(t.Context()))
		set(t, s, "second", "2")
		requireHas(t, s, "first", "1")
	})
	t.Run("the whole stack stops and starts with the failover remembered", func(t *testing.T) {
		before, err := s.Primary(t.Context())
		require.NoError(t, err)
		for _, p := range s.Processes() {
			require.NoError(t, p.Kill())
		}
		require.NoError(t, s.Up(t.Context()))
		requireOnePrimary(t, s, before)
		requireHas(t, s, "second", "2")
	})
	require.Empty(t, seconds(), "moments with two primaries, none of which was frozen or cut off")
}

// Sentinel alone takes about 10 s to turn an old primary into a replica.
func TestAPrimaryThatWasReplacedJustAfterItsStartStepsDownAtOnce(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: RedisAndSentinels()})
	old := s.Process("redis-1")
	require.NoError(t, old.Restart(t.Context()))
	require.NoError(t, s.AwaitHealthy(t.Context()))
	require.NoError(t, old.Pause())
	_, err := s.AwaitPrimary(t.Context(), func(name string) bool { return name != "redis-1" })
	require.NoError(t, err)
	require.NoError(t, old.Resume())
	require.Eventually(t, func() bool {
		info, _ := s.Redis(t.Context(), "redis-1", "INFO", "replication")
		return fields(info)["role"] == "slave"
	}, 5*time.Second, pollEvery)
	// It has obeyed; its start script, which told it to, says so a moment later. Sentinel would say nothing.
	require.Eventually(t, func() bool {
		log, err := os.ReadFile(old.LogPath())
		return err == nil && strings.Contains(string(log), "I am its replica now")
	}, time.Second, pollEvery)
	require.NoError(t, s.AwaitHealthy(t.Context()))
}

// watchPrimaries looks again and again at who says that it is primary, until the
// returned function is called, which lists the moments when several did.
func watchPrimaries(t *testing.T, s *Stack) (seconds func() [][]string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan [][]string, 1)
	go func() {
		var found [][]string
		for ctx.Err() == nil {
			var names []string
			_, primaries := s.roles(ctx)
			for _, p := range primaries {
				names = append(names, p.Name())
			}
			if len(names) > 1 {
				found = append(found, names)
			}
			<-time.After(pollEvery)
		}
		done <- found
	}()
	return func() [][]string { cancel(); return <-done }
}
