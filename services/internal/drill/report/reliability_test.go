package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// described are the faults of the sample runs, and one that was never run.
func described() []Described {
	return []Described{
		{Slug: "primary-crash", Title: "The primary crashes", Promised: true, Bound: "writes resume within 4 s | errors ≤ 0.1 %"},
		{Slug: "never-run", Title: "Nobody has tried", Promised: true},
		{Slug: "second-loss", Title: "Two losses"},
		{Slug: "no-wait", Title: "Results are told before WAIT", Control: true},
		{Slug: "no-incr", Title: "The INCR is left out", Control: true},
	}
}

func TestTheReliabilityTablesAreOfTheResultsFiles(t *testing.T) {
	r := Results{Dir: t.TempDir()}
	for i := range 20 {
		run := crashRun()
		run.Figures.Writes.Gap = time.Duration(40-i) * 100 * ms
		if i == 3 {
			run.Reasons = []string{"too slow"}
		}
		require.NoError(t, r.Append(run))
	}
	green := controlRun()
	green.Red, green.Verdict.Violations = false, nil
	for _, run := range []Run{unpromisedRun(), controlRun(), green, controlRun(), impossibleRun()} {
		require.NoError(t, r.Append(run))
	}

	var out bytes.Buffer
	require.NoError(t, Reliability(&out, r, described()))
	require.Equal(t, []string{
		"Measured with Redis 7.0.15, D = 2 s, in 24 runs.",
		"**Promised**",
		"| fault | promised | runs | write gap p50 | p95 | max | errors | acknowledged | lost | duplicated |",
		"| The primary crashes (`primary-crash`) | writes resume within 4 s \\| errors ≤ 0.1 % | 20 (1 failed) | 3.00 s | 3.90 s | 4.00 s | 0.029 % | 135,920 | 0 | 0 |",
		"| Nobody has tried (`never-run`) | nothing lost | 0 | – | – | – | – | – | – | – |",
		"**Not promised, and counted**",
		"| fault | runs | write gap p50 | p95 | max | errors | acknowledged | lost | duplicated |",
		"| Two losses (`second-loss`) | 1 | 3.41 s | 3.41 s | 3.41 s | 0.029 % | 6,796 | 17 | 0 |",
		"**Controls: one safeguard taken out, so it has to go red**",
		"| control | runs | red |",
		"| Results are told before WAIT (`no-wait`) | 3 | 2 |",
		"| The INCR is left out (`no-incr`) | 0 | – |",
	}, worded(out.String()))
}

// worded is the lines of a text without empty ones and the tables' rules.
func worded(markdown string) []string {
	var lines []string
	for line := range strings.Lines(markdown) {
		if line = strings.TrimSpace(line); strings.Trim(line, "|-: ") != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestWithoutResultsTheTablesSaySo(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Reliability(&out, Results{Dir: filepath.Join(t.TempDir(), "none")}, described()))
	texttest.Contains(t, out.String(), "Nothing has been measured yet.")
	out.Reset()
	require.NoError(t, Reliability(&out, Results{}, nil))
	require.Equal(t, "Nothing has been measured yet.\n", out.String())
}

func TestABadLineIsToldWhenAllOthersAreCounted(t *testing.T) {
	r := Results{Dir: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(r.Dir, "primary-crash.jsonl"), []byte("{\n"), 0o600))
	require.NoError(t, r.Append(crashRun()))
	var out bytes.Buffer
	require.ErrorContains(t, Reliability(&out, r, described()), "primary-crash.jsonl: line 1: ")
	texttest.Contains(t, out.String(), "| 6,796 |")
}

func TestWhatIsPromisedIsSaidInAFewWords(t *testing.T) {
	for want, b := range map[string]Bounds{
		"writes pause 4 s at most, reads 1 s, 0.1 % errors":                                  {WriteGap: 4 * time.Second, ReadGap: time.Second, Resumed: 4 * time.Second, Slowest: 12 * time.Second, Errors: 0.001, ReadErrors: 0.001},
		"writes and reads pause 1 s at most, no errors but of what was under way":            {WriteGap: time.Second, ReadGap: time.Second, UnderWay: true},
		"writes pause 3 s at most, no errors":                                                {WriteGap: 3 * time.Second},
		"reads pause 1 s at most, writes go on 3 s after the heal, any errors (reads: none)": {ReadGap: time.Second, AfterHeal: 3 * time.Second, Errors: 1},
		"no errors": {},
		"writes pause 5 s at most, writes 4 s in 95 % of runs, no errors": {WriteGap: 5 * time.Second, WriteGapP95: 4 * time.Second},
		"writes pause 4 s at most, 0.1 % errors, 1 % cut off":             {WriteGap: 4 * time.Second, Errors: 0.001, ReadErrors: 0.001, Cut: 0.01},
	} {
		require.Equal(t, want, b.String())
	}
}
