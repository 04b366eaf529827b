package drill

import (
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

func TestAShopIsWholeOnlyWhenNothingIsLeftOfAnyFault(t *testing.T) {
	s := &shop{services: WithoutPrometheus()}
	tests := map[string]struct {
		state stack.State
		want  string // of the complaint; empty: none
	}{
		"a primary":                          {stack.State{Name: "redis-1", Up: true, Role: "primary"}, ""},
		"a replica":                          {stack.State{Name: "redis-2", Up: true, Role: "replica", Link: "up", Behind: 100}, ""},
		"a Sentinel":                         {stack.State{Name: "sentinel-1", Up: true, Names: "redis-1", Replicas: 2, Sentinels: 2}, ""},
		"what the drill does not start":      {stack.State{Name: "prometheus", Trouble: "down"}, ""},
		"a service that is down":             {stack.State{Name: "api-1", Trouble: "down"}, "down"},
		"a second primary":                   {stack.State{Name: "redis-3", Up: true, Role: "primary"}, "it says that it is primary"},
		"a replica without a link":           {stack.State{Name: "redis-2", Up: true, Role: "replica", Link: "down", Behind: -1}, "its link"},
		"a replica of who knows whom":        {stack.State{Name: "redis-2", Up: true, Role: "replica", Link: "up", Behind: -1}, "its link"},
		"a replica that is behind":           {stack.State{Name: "redis-2", Up: true, Role: "replica", Link: "up", Behind: 1 << 20}, "bytes behind"},
		"a Sentinel that names another node": {stack.State{Name: "sentinel-1", Up: true, Names: "redis-2", Replicas: 2, Sentinels: 2}, "it names redis-2"},
		"a Sentinel that misses a replica":   {stack.State{Name: "sentinel-1", Up: true, Names: "redis-1", Replicas: 1, Sentinels: 2}, "1 of 2 replicas"},
		"a Sentinel that is alone":           {stack.State{Name: "sentinel-1", Up: true, Names: "redis-1", Replicas: 2}, "0 of 2 other"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := s.fit(test.state, "redis-1")
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
}
