package drill

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/drill/history"
)

// at is a request that took from start to end, in milliseconds.
func at(start, end int, kind history.Kind, outcome history.Outcome) history.Op {
	return history.Op{
		Kind: kind, Outcome: outcome, Start: time.Duration(start) * time.Millisecond, End: time.Duration(end) * time.Millisecond,
	}
}

// eventful is a history with a fault at 1 s, its first step at 1.5 s and its heal
// at 2 s.
func eventful(ops ...history.Op) *history.History {
	return &history.History{Ops: ops, Events: []history.Event{
		{At: time.Second, What: history.Fault}, {At: 1500 * time.Millisecond, What: history.Injected}, {At: 2 * time.Second, What: history.Heal},
	}}
}

func TestARunFailsForEachBoundThatItBreaksAndSaysByHowMuch(t *testing.T) {
	buys := eventful(at(0, 5, history.Buy, history.Done), at(2100, 2600, history.Buy, history.Done))
	gap := func(writes, resumed, reads time.Duration) check.Figures {
		return check.Figures{Writes: check.Series{Gap: writes, Resumed: resumed}, Reads: check.Series{Gap: reads}}
	}
	tests := map[string]struct {
		promise *Promise
		history *history.History
		figures check.Figures
		verdict check.Verdict
		want    []string // the beginnings of the reasons
	}{
		"all within bounds": {
			promise: &Promise{WriteGap: 2 * time.Second, Resumed: 2 * time.Second, ReadGap: time.Second, AfterHeal: time.Second, Slowest: time.Second},
			history: buys, figures: gap(2*time.Second, time.Second, time.Second),
		},
		"no bounds": {
			promise: &Promise{}, history: buys, figures: gap(time.Hour, time.Hour, time.Hour),
		},
		"every bound broken": {
			promise: &Promise{WriteGap: time.Second, Resumed: time.Second, ReadGap: time.Second, AfterHeal: 500 * time.Millisecond, Slowest: 400 * time.Millisecond},
			history: buys, figures: gap(3*time.Second, 4*time.Second, 5*time.Second),
			want: []string{
				"the longest time without a good answer to a write: 3s, and 1s are promised",
				"the longest time without a good answer to a read: 5s",
				"from the fault to the first good answer to a write sent after it: 4s",
				"from the heal to the next good answer to a write: 600ms",
				"the longest wait for any answer: 500ms",
			},
		},
		"a violation": {
			promise: &Promise{}, history: buys,
			verdict: check.Verdict{Violations: []check.Violation{{Rule: check.RuleLost, Text: "purchase 7 is gone"}}},
			want:    []string{"lost: purchase 7 is gone"},
		},
		"a violation of what is not promised": {
			history: buys, verdict: check.Verdict{Violations: []check.Violation{{Rule: check.RuleLost, Text: "purchase 7 is gone"}}},
		},
		"more failed requests than may": {
			promise: &Promise{Errors: 0.4, ReadErrors: 0.4},
			history: eventful(at(0, 1, history.Buy, history.Unknown), at(1, 2, history.ReadProduct, history.NotDone), at(3, 4, history.Buy, history.Refused)),
			want:    []string{"2 of 3 requests failed (66.667 %), and at most 40 % may", "1 of 1 reads failed"},
		},
		"a strong read that failed counts as a request alone": {
			promise: &Promise{Errors: 1},
			history: eventful(history.Op{Kind: history.ReadProduct, Strength: history.Strong, Outcome: history.NotDone}),
		},
		"cut off, which few may be": {
			promise: &Promise{Cut: 0.5},
			history: eventful(history.Op{Kind: history.Buy, Outcome: history.Unknown}, at(0, 1, history.Buy, history.Done)),
		},
		"more cut off than may be": {
			promise: &Promise{Cut: 0.5},
			history: eventful(history.Op{Kind: history.Buy, Outcome: history.Unknown}),
			want:    []string{"1 of 1 requests (cut off) failed"},
		},
		"answered that it is unknown, where some may be cut off": {
			promise: &Promise{Cut: 0.5},
			history: eventful(history.Op{Kind: history.Buy, Outcome: history.Unknown, Status: 503}),
			want:    []string{"1 of 1 requests failed"},
		},
		"failed while the fault began, which is allowed": {
			promise: &Promise{UnderWay: true},
			history: eventful(at(900, 1100, history.Buy, history.Unknown), at(1400, 1600, history.Buy, history.Unknown)),
		},
		"failed before and after the fault began": {
			promise: &Promise{UnderWay: true},
			history: eventful(at(900, 990, history.Buy, history.Unknown), at(1600, 1700, history.Buy, history.Unknown)),
			want:    []string{"2 of 2 requests failed"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := reasons(task{Fault: Fault{Promise: test.promise}}, test.history, test.verdict, test.figures)
			require.Len(t, got, len(test.want), "%q", got)
			for i, want := range test.want {
				require.True(t, strings.HasPrefix(got[i], want), "%q does not begin with %q", got[i], want)
			}
		})
	}
}

func TestAControlFailsOnlyWhenItsLastAttemptIsGreen(t *testing.T) {
	broken := func(rule string) check.Verdict {
		return check.Verdict{Violations: []check.Violation{{Rule: rule}}}
	}
	control := Fault{Control: &Control{Rate: 0.9, Rules: []string{check.RuleLost, check.RuleStock}}}
	tests := map[string]struct {
		verdict check.Verdict
		attempt int
		red     bool
		reasons int
	}{
		"red at once":              {broken(check.RuleLost), 1, true, 0},
		"red at last":              {broken(check.RuleStock), 3, true, 0},
		"green, to be repeated":    {check.Verdict{}, 2, false, 0},
		"green to the end":         {check.Verdict{}, 3, false, 1},
		"another rule to the end":  {broken(check.RuleAge), 3, false, 2},
		"another rule, not at end": {broken(check.RuleAge), 1, false, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.red, red(control, test.verdict))
			require.Len(t, reasons(task{Fault: control, attempt: test.attempt, attempts: 3}, eventful(), test.verdict, check.Figures{}), test.reasons)
		})
	}
}

func TestAControlIsRepeatedUntilChanceAloneLeavesItGreenLessThanOnceInAThousand(t *testing.T) {
	for rate, want := range map[float64]int{1: 1, 0.9999: 1, 0.99: 2, 0.9: 3, 0.7: 6, 0.5: 10, 0.4: 14, 0.3: 20, 0.01: 688, 0: 688} {
		k := attempts(rate)
		require.Equal(t, want, k, "rate %v", rate)
		if rate > 0 && rate < 1 {
			require.LessOrEqual(t, math.Pow(1-rate, float64(k)), 0.001+1e-12)
		}
	}
}

func TestLongAccountsOfViolationsAreCut(t *testing.T) {
	var v check.Verdict
	for range mostReasons + 3 {
		v.Violations = append(v.Violations, check.Violation{Rule: check.RuleLost, Text: strings.Repeat("ä", mostSaid)})
	}
	told := violations(v)
	require.Len(t, told, mostReasons+1)
	require.Equal(t, "and 3 more", told[mostReasons])
	require.Less(t, len(told[0]), mostSaid+20)
}
