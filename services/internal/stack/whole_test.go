package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wholeReport is of a stack that lacks nothing.
func wholeReport() Report {
	report := Report{Primary: "redis-1"}
	for _, svc := range withReplicas(3) {
		state := State{Name: svc.name, Addr: svc.address("127.1.1"), Up: true, Behind: -1}
		switch svc.kind {
		case kindRedis:
			state.Role, state.Link, state.Follows, state.Behind = "replica", "up", "127.1.1.5", 0
			if svc.name == report.Primary {
				state.Role, state.Link, state.Follows, state.Online = "primary", "", "", 2
			}
		case kindSentinel:
			state.Names, state.Replicas, state.Sentinels = report.Primary, 2, 2
		}
		report.Services = append(report.Services, state)
	}
	return report
}

func TestAReportNamesAllThatAWholeStackLacks(t *testing.T) {
	t.Parallel()
	require.Empty(t, wholeReport().Lacks())
	for _, row := range []struct {
		service string
		happens func(*State)
		lacks   []string
	}{
		{"api-3", func(s *State) { s.Up, s.Trouble = false, "not ready" }, []string{"api-3: not ready"}},
		{"nginx-b", func(s *State) { s.Up, s.Trouble = false, "down" }, []string{"nginx-b: down"}},
		{"prometheus", func(s *State) { s.Up, s.Trouble = false, "down" }, nil},
		{"redis-1", func(s *State) { s.Up, s.Trouble = false, "down" }, []string{"no node says that it is primary", "redis-1: down"}},
		{"redis-1", func(s *State) { s.Online = 1 }, []string{"redis-1: 1 of 2 replicas get what it writes"}},
		{"redis-2", func(s *State) { s.Role, s.Online = "primary", 2 }, []string{"redis-1 and redis-2 both say that they are primary"}},
		{"redis-2", func(s *State) { s.Link = "down" }, []string{"redis-2: its link to its primary is down"}},
		{"redis-2", func(s *State) { s.Follows = "127.1.1.7" }, []string{"redis-2: it follows 127.1.1.7, not redis-1"}},
		{"redis-3", func(s *State) { s.Behind = mostBehind }, nil},
		{"redis-3", func(s *State) { s.Behind = mostBehind + 1 }, []string{"redis-3: it is 65537 bytes behind"}},
		{"sentinel-1", func(s *State) { s.Names = "redis-3" }, []string{"sentinel-1: it names redis-3, and primary is redis-1"}},
		{"sentinel-2", func(s *State) { s.Replicas = 1 }, []string{"sentinel-2: it knows 1 of 2 replicas and 2 of 2 other Sentinels"}},
		{"sentinel-3", func(s *State) { s.Sentinels = 3 }, []string{"sentinel-3: it knows 2 of 2 replicas and 3 of 2 other Sentinels"}},
		{"sentinel-3", func(s *State) { s.Unrest = "it is doing something" }, []string{"sentinel-3: it is doing something"}},
	} {
		report := wholeReport()
		for i := range report.Services {
			if report.Services[i].Name == row.service {
				row.happens(&report.Services[i])
			}
		}
		require.Equal(t, row.lacks, report.Lacks(), row.service)
	}
}

func TestFurtherAPIReplicasFollowTheFirstTwo(t *testing.T) {
	t.Parallel()
	asked := slices.DeleteFunc(topology(), func(svc service) bool { return svc.kind == kindGrafana })
	require.Equal(t, asked, withReplicas(2), "all but Grafana, which runs or does not")
	replicas := 0
	for _, svc := range withReplicas(16) {
		if svc.kind == kindAPI {
			replicas++
			require.Equal(t, fmt.Sprintf("api-%d", replicas), svc.name)
			require.Equal(t, APIAddress("127.1.1", replicas)+":9100", svc.statusAddress("127.1.1"))
		}
	}
	require.Equal(t, 16, replicas)
}

func TestASentinelThatMissesSomebodyIsNotCalm(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: RedisAndSentinels()})
	for _, svc := range servicesOf(kindSentinel) {
		require.NoError(t, await(t.Context(), func(ctx context.Context) error { return s.calm(ctx, svc) }))
	}
	first := serviceNamed("sentinel-1")
	for name, says := range map[string]string{"redis-3": "it cannot reach every replica", "sentinel-3": "it cannot reach every other Sentinel"} {
		require.NoError(t, s.Process(name).Kill())
		require.ErrorContains(t, awaitError(t, func(ctx context.Context) error { return s.calm(ctx, first) }), says)
		require.NoError(t, s.Process(name).Restart(t.Context()))
		require.NoError(t, await(t.Context(), func(ctx context.Context) error { return s.calm(ctx, first) }))
	}
}

// awaitError waits until a check finds something, and returns that.
func awaitError(t *testing.T, check func(context.Context) error) (found error) {
	t.Helper()
	require.NoError(t, within(t.Context(), 20*time.Second, func(ctx context.Context) error {
		if found = check(ctx); found == nil {
			return errors.New("nothing is missing")
		}
		return nil
	}))
	return found
}
