package drill

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/drill/report"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// sitDown is a whole sitting, as the program makes it, with its results in a
// directory of the test's.
func sitDown(t *testing.T, o Options) (Options, *bytes.Buffer, error) {
	t.Helper()
	out := &bytes.Buffer{}
	o.Results, o.Getenv, o.Out, o.Notes = t.TempDir(), os.Getenv, out, t.Output()
	o.Times = max(o.Times, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	err := Run(ctx, o)
	return o, out, err
}

func TestAKilledReplicaOfTheAPIIsNotSeenByClients(t *testing.T) {
	o, out, err := sitDown(t, Options{Command: "run", Faults: []string{"none", "api-kill"}})
	require.NoError(t, err, "%s", out)
	texttest.Contains(t, out.String(), "drill: 2 runs, 0 failed")

	results := report.Results{Dir: o.Results}
	slugs, err := results.Slugs()
	require.NoError(t, err)
	require.Equal(t, []string{"api-kill", "none"}, slugs)
	runs, err := results.Read("api-kill")
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.True(t, runs[0].Passed())
	require.True(t, runs[0].Promised)
	require.Equal(t, "api-1", runs[0].Variant)
	require.Equal(t, 2*time.Second, runs[0].DownAfter)
	require.NotEmpty(t, runs[0].Redis)
	require.Greater(t, runs[0].Verdict.Acknowledged, 1000)
	for _, name := range []string{"report-run.html", "report-run.json"} {
		require.FileExists(t, filepath.Join(o.Results, name))
	}
}

// What a fault cannot do ends its run, which is counted as failed; what is known
// of it is kept, and nothing is left running.
func TestAFaultThatCannotBeDoneFailsItsRunAndLeavesItsHistory(t *testing.T) {
	s, err := newSitting(t.Context(), Options{Results: t.TempDir(), Notes: t.Output()})
	require.NoError(t, err)
	var net string
	impossible := Fault{Slug: "impossible", Title: "what cannot be done", Promise: &Promise{}, Inject: func(_ context.Context, scene *Scene) error {
		net = scene.Net
		scene.Fault("now")
		return errors.New("there is no such thing")
	}}
	require.True(t, s.one(t.Context(), task{Fault: impossible}))
	require.False(t, s.passed())
	require.Len(t, s.runs, 1)
	require.ErrorContains(t, errors.New(s.runs[0].Reasons[0]), "there is no such thing")
	require.Nil(t, s.shops.current, "the stack of a failed run is not used again")
	requireFree(t, net)

	kept, err := history.Load(s.runs[0].Kept)
	require.NoError(t, err)
	require.Equal(t, "impossible", kept.Fault)
	require.NotEmpty(t, kept.Ops)
	for _, log := range []string{"redis-1.log", "nginx-a-access.log"} {
		require.FileExists(t, filepath.Join(filepath.Dir(s.runs[0].Kept), log))
	}
	recorded, err := s.results.Read("impossible")
	require.NoError(t, err)
	require.Len(t, recorded, 1)
}

// Ctrl-C in the middle of a run.
func TestAStoppedSittingLeavesNothingRunningAndRecordsNoHalfRun(t *testing.T) {
	s, err := newSitting(t.Context(), Options{Results: t.TempDir(), Notes: t.Output()})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var net string
	endless := Fault{Slug: "endless", Title: "what does not end", Promise: &Promise{}, Inject: func(ctx context.Context, scene *Scene) error {
		net = scene.Net
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}
	require.False(t, s.one(ctx, task{Fault: endless}))
	require.NoError(t, s.shops.close(ctx))
	require.Empty(t, s.runs)
	recorded, err := s.results.Read("endless")
	require.NoError(t, err)
	require.Empty(t, recorded)
	requireFree(t, net)
}

// requireFree demands that nobody holds the prefix any more.
func requireFree(t *testing.T, net string) {
	t.Helper()
	require.NotEmpty(t, net)
	require.NoError(t, stack.WhileFree(net, "a test", func() error { return nil }))
}
