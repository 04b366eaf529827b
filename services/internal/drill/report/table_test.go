package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/texttest"
)

func TestTheTerminalTableHasALineForEachRunAndTheReasonsBeneath(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Table(&out, all()))
	lines := strings.Split(out.String(), "\n")
	require.Equal(t, strings.Fields("fault variant verdict acked lost dup oversold unknown write gap read gap write p99 read p99 errors"), strings.Fields(lines[0]))
	require.Equal(t, strings.Fields("primary-crash passed 6,796 0 0 0 4 3.41 s 9.00 ms 3.36 s – 4: 3 outcome-unknown, 1 no answer"), strings.Fields(lines[2]))
	require.Equal(t, "failed", strings.Fields(lines[3])[3])
	require.Equal(t, "counted", strings.Fields(lines[4])[1])
	require.Equal(t, strings.Fields("no-wait 2.5s red 6,796 230"), strings.Fields(lines[5])[:5])
	require.Equal(t, strings.Fields("no-incr not applicable"), strings.Fields(lines[6]))
	require.Equal(t, `
rolling-everything all 12 failed:
  - writes waited 3.41 s, and 2 s are promised
  - 1 write was lost
  its history is kept in .data/drill/rolling-everything-1.json.gz

no-incr: not applicable: it takes Redis 7.2 or later; this is 7.0.15
`, strings.Join(lines[7:], "\n"))
}

func TestWhatServersSentCannotSteerTheTerminal(t *testing.T) {
	hostile := "a\x1b[2J\r\nb\u009bc"
	run := Run{Fault: hostile, Variant: hostile, Reasons: []string{hostile}, Figures: check.Figures{Errors: map[string]int{hostile: 1}}}
	var out bytes.Buffer
	require.NoError(t, Table(&out, []Run{run, {Fault: "b", NotApplicable: hostile}}))
	texttest.NotContains(t, out.String(), "\x1b")
	texttest.NotContains(t, out.String(), "\r")
	texttest.NotContains(t, out.String(), "\u009b")
	texttest.Contains(t, out.String(), "  - a [2J  b c\n")
}

func TestATableOfNoRunsIsItsHeader(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Table(&out, nil))
	texttest.Contains(t, out.String(), "fault")
}

func TestAVerdictIsOneWord(t *testing.T) {
	broken := check.Verdict{Violations: []check.Violation{{Rule: check.RuleLost}}}
	for want, run := range map[string]Run{
		"passed":         {Promised: true},
		"failed":         {Promised: true, Reasons: []string{"x"}},
		"counted":        {Verdict: broken},
		"red":            {Control: true, Red: true, Verdict: broken},
		"green":          {Control: true},
		"not applicable": {Control: true, NotApplicable: "x"},
	} {
		require.Equal(t, want, run.verdict())
	}
	require.Equal(t, "green", Run{Control: true, Verdict: broken}.verdict(), "it broke something else than it has to")
	other := Run{Control: true, Verdict: broken, Reasons: []string{"it broke something else than it had to"}}
	require.Equal(t, "failed", other.verdict())
}

func TestFiguresAreWrittenWithUnits(t *testing.T) {
	for want, d := range map[string]time.Duration{
		none: 0, "0.50 µs": 500, "840 µs": 840 * time.Microsecond, "9.99 ms": 9990 * time.Microsecond,
		"13.4 ms": 13412 * time.Microsecond, "999 ms": 999 * ms, "3.41 s": 3412 * ms, "10.0 s": 9996 * ms, "125 s": 125 * time.Second,
	} {
		require.Equal(t, want, short(d))
	}
	require.Equal(t, "1,234,567", number(1234567))
	require.Equal(t, none, share(0, 0))
	require.Equal(t, "0 %", share(0, 9))
	require.Equal(t, "0.100 %", share(1, 1000))
	require.Equal(t, "under 0.001 %", share(1, 1_000_000))
	require.Equal(t, "50.0 %", share(1, 2))
	require.Equal(t, "0", errorsText(nil))
	require.Equal(t, "1,000 busy", errorsText(map[string]int{"busy": 1000}))
	require.Equal(t, "1,006: 1,000 busy, 3 a, 3 b", errorsText(map[string]int{"b": 3, "busy": 1000, "a": 3}))
}

func TestTheDocumentOfAllFiguresReadsBackTheSame(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, WriteJSON(&out, all()))
	var read struct{ Runs []Run }
	require.NoError(t, json.Unmarshal(out.Bytes(), &read))
	require.Equal(t, all(), read.Runs)

	out.Reset()
	require.NoError(t, WriteJSON(&out, nil))
	require.JSONEq(t, `{"runs": []}`, out.String())
}

func TestTheSummaryCountsPromisedFaultsAndNamesTheOthersApart(t *testing.T) {
	require.Equal(t, "drill: 0 runs, 0 failed, 0 acknowledged, 0 lost, 0 duplicated, 0 oversold, longest gap –", Summary(nil))
	require.Equal(t, "drill: 1 run, 0 failed, 6,796 acknowledged, 0 lost, 0 duplicated, 0 oversold, longest gap 3.41 s (writes)",
		Summary([]Run{crashRun()}))
	require.Equal(t, "drill: 4 runs, 1 failed, 13,592 acknowledged, 1 lost, 0 duplicated, 0 oversold, longest gap 3.41 s (writes), "+
		"controls 1 of 1 red, not promised: 1 run, 17 lost, 0 duplicated, 1 not applicable", Summary(all()))
}

func TestAControlThatWasRedOnceInSeveralRunsIsRed(t *testing.T) {
	green, never := controlRun(), controlRun()
	green.Red, green.Verdict = false, check.Verdict{}
	never.Fault, never.Red, never.Verdict, never.Reasons = "no-ids", false, check.Verdict{}, []string{"it stayed green"}
	require.Contains(t, Summary([]Run{green, controlRun(), green, never}), "controls 1 of 2 red")
}
