package attack

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// well is what is found where an attack is not noticed.
func well() Found {
	calm := Latency{Requests: 100, P99: 10 * time.Millisecond}
	return Found{Quiet: calm, During: calm, QuietLogIns: calm, LogIns: calm, MostSample: Sample{ReplicaBytes: 100 << 20}}
}

func TestARunIsHeldAgainstEveryRule(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*Found)
		broken []Rule
	}{
		"nothing noticed":          {func(*Found) {}, nil},
		"p99 just below 3 times":   {func(f *Found) { f.During.P99 = 30*time.Millisecond - 1 }, nil},
		"p99 of 3 times":           {func(f *Found) { f.During.P99 = 30 * time.Millisecond }, []Rule{RuleLatency}},
		"log-ins of 3 times":       {func(f *Found) { f.LogIns.P99 = 30 * time.Millisecond }, []Rule{RuleLatency}},
		"no log-in":                {func(f *Found) { f.LogIns = Latency{} }, []Rule{RuleLatency}},
		"a failure":                {func(f *Found) { f.During.Failures = map[string]int{"buy: 503 busy": 1} }, []Rule{RuleFailures}},
		"a log-in's failure":       {func(f *Found) { f.LogIns.Failures = map[string]int{"log in: 429": 1} }, []Rule{RuleFailures}},
		"a failure while quiet":    {func(f *Found) { f.Quiet.Failures = map[string]int{"buy: 503 busy": 1} }, []Rule{RuleFailures}},
		"a replica with too much":  {func(f *Found) { f.MostSample.ReplicaBytes = replicaBytes + 1 }, []Rule{RuleMemory}},
		"a kill":                   {func(f *Found) { f.Kills = 1 }, []Rule{RuleAlive}},
		"a process that has ended": {func(f *Found) { f.Ended = []string{"api-1"} }, []Rule{RuleAlive}},
		"the class's own":          {func(f *Found) { f.Answers = map[string]int{"200": 1} }, []Rule{RuleBound}},
	} {
		t.Run(name, func(t *testing.T) {
			f := well()
			row.change(&f)
			f.judge(Class{Bound: func(f Found) []string {
				if f.Answers["200"] > 0 {
					return []string{"answered"}
				}
				return nil
			}})
			require.Equal(t, row.broken, f.Broken)
			require.Equal(t, len(row.broken) == 0, f.Passed)
		})
	}
}

func TestAControlPassesOnlyWhenItBreaksARuleThatItNames(t *testing.T) {
	c := Class{Control: Control{Rules: []Rule{RuleAlive, RuleFailures}}}
	green, otherwise, red, broken := well(), well(), well(), well()
	otherwise.LogIns.P99 = time.Second
	red.Kills = 1
	broken.Kills, broken.Trouble = 1, "the stack did not start"
	for _, row := range []struct {
		found  Found
		passed bool
	}{{green, false}, {otherwise, false}, {red, true}, {broken, false}} {
		row.found.Control = "no-defence"
		row.found.judge(c)
		require.Equal(t, row.passed, row.found.Passed, "%+v", row.found.Broken)
	}
}

func TestARunThatDidNotGetToItsEndFails(t *testing.T) {
	f := well()
	f.Trouble = "the stack did not start"
	f.judge(Class{})
	require.False(t, f.Passed)
}

func TestPercentilesAreByNearestRank(t *testing.T) {
	var all []time.Duration
	for i := range 200 {
		all = append(all, time.Duration(i+1))
	}
	require.EqualValues(t, 198, percentile(all, 99))
	require.EqualValues(t, 100, percentile(all, 50))
	require.EqualValues(t, 200, percentile(all, 100))
	require.EqualValues(t, 7, percentile([]time.Duration{7}, 99))
	require.Zero(t, percentile(nil, 99))
}

func TestAGaugeIsSummedOverItsLabelSets(t *testing.T) {
	text := "# TYPE held gauge\nheld{kind=\"a\"} 2\nheld{kind=\"b\"} 3\n# TYPE other counter\nother 7\n# TYPE absent gauge\n"
	require.Equal(t, map[string]float64{"held": 5, "other": 7}, sums(strings.NewReader(text), []string{"held", "other", "nothing"}))
}
