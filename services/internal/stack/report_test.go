package stack

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheReportSaysWhoIsPrimaryWhoLagsAndWhatIsDown(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: RedisAndSentinels()})
	require.NoError(t, s.Process("redis-2").Kill())
	require.NoError(t, s.Process("redis-3").Pause())
	require.NoError(t, s.Process("sentinel-3").Kill())

	report := Inspect(t.Context(), s.Net, s.Dir(), s.settings)
	found := map[string]State{}
	for _, state := range report.Services {
		found[state.Name] = state
	}
	require.Len(t, found, len(Everything()))
	require.Equal(t, "redis-1", report.Primary)
	require.Equal(t, "primary", found["redis-1"].Role)
	require.Equal(t, s.Process("redis-1").PID(), found["redis-1"].PID)
	require.Equal(t, "down", found["redis-2"].Trouble)
	require.Zero(t, found["redis-2"].PID)
	require.Equal(t, "silent", found["redis-3"].Trouble)
	require.Equal(t, "redis-1", found["sentinel-1"].Names)
	require.Equal(t, 2, found["sentinel-1"].Replicas)
	require.Equal(t, "down", found["sentinel-3"].Trouble)
	require.Equal(t, []string{"a replica whose link is up", "an API replica that is ready"}, report.Missing)

	require.NoError(t, s.Process("redis-3").Resume())
	require.NoError(t, s.Process("redis-2").Restart(t.Context()))
	report = Inspect(t.Context(), s.Net, s.Dir(), s.settings)
	require.Equal(t, []string{"an API replica that is ready"}, report.Missing)
	for _, state := range report.Services {
		if state.Role == "replica" {
			require.GreaterOrEqual(t, state.Behind, int64(0), state.Name)
		}
	}
}

func TestTheReportOfNothingIsThatAllIsDown(t *testing.T) {
	t.Parallel()
	held, prefix, err := claimPrivate(lockDir(), "a test")
	require.NoError(t, err)
	defer held.release()
	report := Inspect(t.Context(), prefix, t.TempDir(), nil)
	for _, state := range report.Services {
		require.Equal(t, "down", state.Trouble, state.Name)
	}
	require.Len(t, report.Missing, 3)
}
