package operate

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// call runs the program on a stack, with some of its settings changed.
func call(ctx context.Context, t *testing.T, s *stack.Stack, changes map[string]string, args ...string) (code int, output string) {
	t.Helper()
	var out bytes.Buffer
	code = Run(ctx, args, func(name string) string {
		if value, changed := changes[name]; changed {
			return value
		}
		if name == "NET" {
			return s.Net
		}
		return s.Setting(name)
	}, &out, &out)
	return code, out.String()
}

// One stack for all that takes nothing away from it for good; they go one by one.
func TestTheOperator(t *testing.T) {
	t.Parallel()
	s := stack.StartT(t, stack.Options{})
	for _, row := range []struct {
		does string
		test func(*testing.T, *stack.Stack)
	}{
		{"says of a whole stack that it can sell and is whole", findsItWhole},
		{"waits for whoever is away, and says for whom", waitsForWhoIsAway},
		{"stops waiting as soon as all are back", stopsWaiting},
		{"stops waiting when it is interrupted", isInterrupted},
		{"misses API replicas that should be there", missesReplicas},
		{"hands over, and only when all are well", handsOver},
	} {
		if !t.Run(row.does, func(t *testing.T) { row.test(t, s) }) {
			return
		}
	}
}

func requireWhole(t *testing.T, s *stack.Stack) string {
	t.Helper()
	code, out := call(t.Context(), t, s, nil, "await")
	require.Zero(t, code, out)
	texttest.Contains(t, out, "The stack is whole. The primary is redis-")
	return out
}

func findsItWhole(t *testing.T, s *stack.Stack) {
	t.Helper()
	code, out := call(t.Context(), t, s, nil, "status")
	require.Zero(t, code, out)
	texttest.Contains(t, out, "The shop can sell. The primary is redis-1.")
	texttest.NotContains(t, out, "PID")
	texttest.Matches(t, out, `(?m)^nginx-b +`+s.Net+`\.4:8080 +up `)
	require.Equal(t, "The stack is whole. The primary is redis-1.\n", requireWhole(t, s))
}

func waitsForWhoIsAway(t *testing.T, s *stack.Stack) {
	t.Helper()
	for _, row := range []struct {
		name, says   string
		leave, enter func(*stack.Process) error
	}{
		{"redis-3", "redis-3: silent", (*stack.Process).Pause, (*stack.Process).Resume},
		{"redis-2", "redis-2: down", (*stack.Process).Kill, (*stack.Process).Launch},
		{"sentinel-2", "sentinel-2: down", (*stack.Process).Kill, (*stack.Process).Launch},
		{"api-2", "api-2: down", (*stack.Process).Kill, (*stack.Process).Launch},
		{"nginx-b", "nginx-b: down", (*stack.Process).Kill, (*stack.Process).Launch},
	} {
		p := s.Process(row.name)
		require.NoError(t, row.leave(p))
		code, out := call(t.Context(), t, s, nil, "await", "--within", "100ms")
		require.Equal(t, 1, code, out)
		texttest.Matches(t, out, `(?m)^ *\d\.\d s  waiting for .*`+row.says)
		texttest.Matches(t, out, `(?m)^The stack is not whole after 100ms: .*`+row.says)
		require.NoError(t, row.enter(p))
		requireWhole(t, s)
	}
	require.NoError(t, s.Process("prometheus").Kill())
	requireWhole(t, s)
	require.NoError(t, s.Process("prometheus").Restart(t.Context()))
}

func stopsWaiting(t *testing.T, s *stack.Stack) {
	t.Helper()
	require.NoError(t, s.Process("api-1").Kill())
	told := &teller{tell: make(chan struct{})}
	began := make(chan error, 1)
	go func() {
		<-told.tell
		began <- s.Process("api-1").Launch()
	}()
	look := func(ctx context.Context) stack.Report { return stack.Inspect(ctx, s.Net, s.Dir(), settingsOf(s)) }
	require.NoError(t, Await(t.Context(), told, within, look))
	require.NoError(t, <-began)
	texttest.Contains(t, told.String(), "waiting for api-1: down\n")
	require.Equal(t, 1, strings.Count(told.String(), "waiting for api-1: down\n"), "what has not changed is not said again")
}

// teller tells when something is written for the first time.
type teller struct {
	bytes.Buffer
	tell chan struct{}
}

func (w *teller) Write(p []byte) (int, error) {
	if w.Len() == 0 {
		close(w.tell)
	}
	return w.Buffer.Write(p)
}

func settingsOf(s *stack.Stack) map[string]string {
	settings := map[string]string{}
	for _, name := range []string{"REDIS_MASTER_NAME", "REDIS_ADMIN_USER", "REDIS_ADMIN_PASSWORD"} {
		settings[name] = s.Setting(name)
	}
	return settings
}

func isInterrupted(t *testing.T, s *stack.Stack) {
	t.Helper()
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	code, out := call(interrupted, t, s, nil, "await")
	require.Equal(t, 1, code)
	texttest.Contains(t, out, "Interrupted. The stack is not whole: ")
}

func missesReplicas(t *testing.T, s *stack.Stack) {
	t.Helper()
	code, out := call(t.Context(), t, s, map[string]string{"API_REPLICAS": "4"}, "await", "--within", "100ms")
	require.Equal(t, 1, code)
	texttest.Contains(t, out, "whole after 100ms: api-3: down; api-4: down.")
	_, out = call(t.Context(), t, s, map[string]string{"API_REPLICAS": "4"}, "status")
	texttest.Matches(t, out, `(?m)^api-4 +`+s.Net+`\.34:5000 +down`)
}

func handsOver(t *testing.T, s *stack.Stack) {
	t.Helper()
	require.NoError(t, s.Process("redis-2").Kill())
	code, out := call(t.Context(), t, s, nil, "handover")
	require.Equal(t, 1, code)
	texttest.Contains(t, out, "refused, and nothing was changed: ")
	require.NoError(t, s.Process("redis-2").Launch())
	require.Contains(t, requireWhole(t, s), "The primary is redis-1.")

	code, out = call(t.Context(), t, s, nil, "handover")
	require.Zero(t, code, out)
	texttest.Matches(t, out, `(?m)^ \d\.\d\d s  done: redis-[23] is primary`)
	require.NotContains(t, requireWhole(t, s), "The primary is redis-1.")
	code, out = call(t.Context(), t, s, map[string]string{"REDIS_ADMIN_PASSWORD": "wrong"}, "handover")
	require.Equal(t, 1, code)
	texttest.Contains(t, out, "WRONGPASS")
}
