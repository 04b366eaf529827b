package report

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARunReadsBackWithoutItsTimelineAndWithFewViolations(t *testing.T) {
	r := Results{Dir: filepath.Join(t.TempDir(), "made", "when-needed")}
	run := controlRun()
	require.NoError(t, r.Append(run))
	require.NotNil(t, run.Timeline, "the caller's run is left as it is")
	require.Len(t, run.Verdict.Violations, 230)
	require.NoError(t, r.Append(run))

	want := run
	want.Timeline = nil
	want.Verdict.Violations = run.Verdict.Violations[:keptViolations]
	runs, err := r.Read(run.Fault)
	require.NoError(t, err)
	require.Equal(t, []Run{want, want}, runs)
}

func TestAMissingOrEmptyFileHasNoRuns(t *testing.T) {
	r := Results{Dir: t.TempDir()}
	runs, err := r.Read("never-run")
	require.NoError(t, err)
	require.Empty(t, runs)
	require.NoError(t, os.WriteFile(filepath.Join(r.Dir, "empty.jsonl"), nil, 0o600))
	runs, err = r.Read("empty")
	require.NoError(t, err)
	require.Empty(t, runs)
	found, err := Results{Dir: filepath.Join(r.Dir, "none")}.Slugs()
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestBadLinesAreNamedAndTheOthersRead(t *testing.T) {
	r := Results{Dir: t.TempDir()}
	content := `{"fault":"a","variant":"1"}` + "\n" + `{"fault":` + "\n\n" + `[]` + "\n" + `{"fault":"a","variant":"2"}` + "\n" + `{"fau`
	require.NoError(t, os.WriteFile(filepath.Join(r.Dir, "a.jsonl"), []byte(content), 0o600))
	runs, err := r.Read("a")
	require.Equal(t, []Run{{Fault: "a", Variant: "1"}, {Fault: "a", Variant: "2"}}, runs)
	require.ErrorContains(t, err, "a.jsonl: line 2: ")
	require.ErrorContains(t, err, "a.jsonl: line 4: ")
	require.ErrorContains(t, err, "a.jsonl: line 6: ")
	require.Equal(t, 3, strings.Count(err.Error(), "line"))
}

func TestALineThatWasTornOffSpoilsNoneAfterIt(t *testing.T) {
	r := Results{Dir: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(r.Dir, "a.jsonl"), []byte(`{"fault":"a","vari`), 0o600))
	require.NoError(t, r.Append(Run{Fault: "a", Variant: "2"}))
	runs, err := r.Read("a")
	require.ErrorContains(t, err, "line 1: ")
	require.Len(t, runs, 1)
	require.Equal(t, "2", runs[0].Variant)
}

func TestSeveralDrillsMayAddToOneFileAtOnce(t *testing.T) {
	r := Results{Dir: t.TempDir()}
	run := controlRun() // long enough for more than one page
	run.Kept = strings.Repeat("x", 10_000)
	var adders sync.WaitGroup
	for range 4 {
		adders.Go(func() {
			for range 50 {
				if err := r.Append(run); err != nil {
					t.Error(err)
				}
			}
		})
	}
	adders.Wait()
	runs, err := r.Read(run.Fault)
	require.NoError(t, err)
	require.Len(t, runs, 200)
}

func TestOnlySlugsAreNamesOfFiles(t *testing.T) {
	r := Results{Dir: t.TempDir()}
	for _, slug := range []string{"", ".", "..", "../x", "a/b", "A", "a b", "-a", "a\n"} {
		require.ErrorContains(t, r.Append(Run{Fault: slug}), "is no slug", slug)
		_, err := r.Read(slug)
		require.ErrorContains(t, err, "is no slug", slug)
	}
	for _, name := range []string{"b.jsonl", "a.jsonl", "a.json", "README.md", "X.jsonl"} {
		require.NoError(t, os.WriteFile(filepath.Join(r.Dir, name), nil, 0o600))
	}
	found, err := r.Slugs()
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, found)
}
