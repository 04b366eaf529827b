package drill

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/drill/load"
	"evergreen/services/internal/drill/report"
	"evergreen/services/internal/texttest"
)

func TestARunIsOneLineAndItsReasonsFollow(t *testing.T) {
	broken := check.Verdict{Acknowledged: 7, Lost: 2, Violations: []check.Violation{{Rule: check.RuleLost}}}
	tests := map[string]struct {
		run  report.Run
		want []string
	}{
		"passed": {report.Run{Fault: "api-kill", Variant: "api-1", Promised: true, Took: 18 * time.Second, Figures: check.Figures{
			Writes: check.Series{Requests: 90, Failed: 1, Gap: 1500 * time.Millisecond}, Reads: check.Series{Requests: 10},
		}}, []string{"api-kill api-1", "passed in 18 s", "no writes for 1.50 s", "1 of 100 requests failed"}},
		"failed":         {report.Run{Promised: true, Verdict: broken, Reasons: []string{"two are gone"}}, []string{"FAILED", "7 acknowledged, 2 lost", "\n          - two are gone"}},
		"not promised":   {report.Run{Verdict: broken}, []string{"counted in", "2 lost"}},
		"red":            {report.Run{Control: true, Red: true, Verdict: broken}, []string{"red, as it has to be"}},
		"green":          {report.Run{Control: true}, []string{"green, is repeated"}},
		"not applicable": {report.Run{NotApplicable: "it needs Redis 7.2"}, []string{"not applicable: it needs Redis 7.2"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := &bytes.Buffer{}
			d := newDisplay(out, false)
			d.plan(3)
			d.begin(task{})
			d.phase("fault")
			d.end(test.run)
			texttest.Contains(t, out.String(), "[1/3]")
			for _, want := range test.want {
				texttest.Contains(t, out.String(), want)
			}
			require.Equal(t, 1+len(test.run.Reasons), strings.Count(out.String(), "\n"))
		})
	}
}

func TestTheBarSaysWhatGoesOn(t *testing.T) {
	out := &bytes.Buffer{}
	d := newDisplay(out, true)
	d.plan(2)
	d.begin(task{Fault: Fault{Slug: "api-kill"}, variant: "api-2"})
	d.phase("after the heal")
	shown := make(chan struct{})
	asked := 0
	stop := d.counting(func() load.Counts {
		if asked++; asked == 2 { // what the first answer led to is shown
			close(shown)
		}
		return load.Counts{Answered: 1234, Failed: 5}
	})
	<-shown
	stop()
	d.end(report.Run{Fault: "api-kill", Promised: true})
	texttest.Contains(t, out.String(), "api-kill api-2: after the heal, 1234 answered, 5 failed")
	texttest.Contains(t, out.String(), "passed in 0 s")
}
