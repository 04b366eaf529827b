package drill

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/report"
)

func TestASweepGoesOnWhereItsResultsEnd(t *testing.T) {
	made := func(variants ...string) (runs []report.Run) {
		for _, v := range variants {
			runs = append(runs, report.Run{Variant: v})
		}
		return runs
	}
	sweep := []string{"2s", "3s", "1s"}
	tests := map[string]struct {
		made []report.Run
		want string
	}{
		"at the beginning":                  {nil, "2s"},
		"after the first":                   {made("2s"), "3s"},
		"after two":                         {made("2s", "3s"), "1s"},
		"again from the beginning":          {made("2s", "3s", "1s"), "2s"},
		"when one was done on its own":      {made("3s"), "2s"},
		"over one that was done more often": {made("2s", "3s", "3s"), "1s"},
		"with one that is no more":          {made("9s", "2s"), "3s"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, rarest(sweep, test.made)) })
	}
}

func TestUntilDoesOnlyWhatTheResultsLack(t *testing.T) {
	s := &sitting{runner: &runner{results: report.Results{Dir: t.TempDir()}}}
	for range 3 {
		require.NoError(t, s.results.Append(report.Run{Fault: "a"}))
	}
	faults := []Fault{{Slug: "a"}, {Slug: "b"}}
	for _, test := range []struct {
		times, until int
		want         []int
	}{{2, 0, []int{2, 2}}, {1, 5, []int{2, 5}}, {1, 2, []int{0, 2}}} {
		got, err := s.lacking(faults, test.times, test.until)
		require.NoError(t, err)
		require.Equal(t, test.want, got)
	}
}

func TestOnlyTwentyRunsShowWhatMostOfThemKeep(t *testing.T) {
	faults := []Fault{{Slug: "a", Promise: &Promise{WriteGapP95: 4 * time.Second}}}
	for name, test := range map[string]struct {
		runs, slow int
		passed     bool
	}{
		"one of twenty is slow":    {20, 1, true},
		"two of twenty are":        {20, 2, false},
		"two of nineteen are":      {19, 2, true},
		"five of a hundred are":    {100, 5, true},
		"and six of a hundred":     {100, 6, false},
		"nobody has ever tried it": {0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sitting{runner: &runner{results: report.Results{Dir: t.TempDir()}, show: newDisplay(io.Discard, false)}}
			for i := range test.runs {
				run := report.Run{Fault: "a"}
				run.Figures.Writes.Gap = 3 * time.Second
				if i < test.slow {
					run.Figures.Writes.Gap = 4100 * time.Millisecond
				}
				require.NoError(t, s.results.Append(run))
			}
			require.NoError(t, s.usually(faults))
			require.Equal(t, test.passed, s.passed())
		})
	}
}

func TestEveryFaultIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range append(Faults(), Controls()...) {
		require.Regexp(t, `^[a-z0-9][a-z0-9-]*$`, f.Slug)
		require.False(t, seen[f.Slug], "%s is there twice", f.Slug)
		seen[f.Slug] = true
		require.NotEmpty(t, f.Title, f.Slug)
		require.NotNil(t, f.Inject, f.Slug)
		require.False(t, f.Control != nil && f.Promise != nil, "%s is promised and a control", f.Slug)
		if f.Control != nil {
			require.NotEmpty(t, f.Control.Rules, f.Slug)
			require.Positive(t, f.Control.Rate, f.Slug)
		}
	}
	require.True(t, seen["none"])
}

func TestTheShortFormNamesWhatThereIs(t *testing.T) {
	for _, slug := range shortControls() {
		f, found := Find(slug)
		require.True(t, found, slug)
		require.NotNil(t, f.Control, slug)
	}
	freeze, found := Find("primary-freeze")
	require.True(t, found)
	require.Contains(t, freeze.Variants, "2.5s")
}

func TestTheProgramsArguments(t *testing.T) {
	tests := map[string]struct {
		args []string
		bad  bool
		want Options
	}{
		"all faults":            {args: []string{"run"}, want: Options{Command: "run", Times: 1}},
		"one, often":            {args: []string{"-fault", "none,api-kill", "-n", "20", "run"}, want: Options{Command: "run", Faults: []string{"none", "api-kill"}, Times: 20}},
		"no command":            {bad: true},
		"an unknown command":    {args: []string{"walk"}, bad: true},
		"flags that come last":  {args: []string{"run", "-n", "3"}, bad: true},
		"not even once":         {args: []string{"-n", "0", "run"}, bad: true},
		"a prefix without shop": {args: []string{"-net", "127.20.0", "run"}, bad: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(test.args, io.Discard)
			if test.bad {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want.Command, got.Command)
			require.Equal(t, test.want.Faults, got.Faults)
			require.Equal(t, test.want.Times, got.Times)
		})
	}
}

func TestWhatCanBeChosen(t *testing.T) {
	url := "http://127.0.0.1:8080"
	tests := map[string]struct {
		options Options
		faults  []string
		trouble string
	}{
		"one fault":                    {options: Options{Command: "run", Faults: []string{"api-kill"}}, faults: []string{"api-kill"}},
		"one that there is not":        {options: Options{Command: "run", Faults: []string{"earthquake"}}, trouble: "no fault \"earthquake\""},
		"a control as a fault":         {options: Options{Command: "run", Faults: []string{"no-wait"}}, trouble: "nothing to do"},
		"of a running shop":            {options: Options{Command: "run", URL: url}, faults: []string{"none"}},
		"of a running native shop":     {options: Options{Command: "run", URL: url, Net: "127.20.0"}, faults: []string{"none", "handover"}},
		"what a running shop can't do": {options: Options{Command: "run", URL: url, Faults: []string{"api-kill"}}, trouble: "needs a hold on the shop's processes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			faults, _, err := chosen(test.options)
			if test.trouble != "" {
				require.ErrorContains(t, err, test.trouble)
				return
			}
			require.NoError(t, err)
			var slugs []string
			for _, f := range faults {
				slugs = append(slugs, f.Slug)
			}
			require.Equal(t, test.faults, slugs)
		})
	}
}

func TestTheTableStandsBetweenItsMarks(t *testing.T) {
	page := "before\n" + tableBegins + "\nan old table\n" + tableEnds + "\nafter\n"
	changed, err := between(page, "\na new table\n")
	require.NoError(t, err)
	require.Equal(t, "before\n"+tableBegins+"\na new table\n"+tableEnds+"\nafter\n", changed)
	again, err := between(changed, "a new table")
	require.NoError(t, err)
	require.Equal(t, changed, again)
	for _, broken := range []string{"", tableBegins, tableEnds, tableEnds + tableBegins} {
		_, err := between(broken, "a table")
		require.ErrorContains(t, err, "lacks the lines")
	}
}
