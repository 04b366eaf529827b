package report

import (
	"fmt"
	"strings"
	"time"
)

// totals are the sums over the runs of a report. A control has to lose writes,
// and what is not promised may: neither is counted among the losses.
type totals struct {
	Runs, Failed                                int           // that took place, controls included
	Promised                                    int           // runs of promised faults
	Acknowledged, Lost, Duplicated, Oversold    int           // of promised faults
	WriteGap, ReadGap                           time.Duration // the longest of promised faults
	Unpromised, UnpromisedLost, UnpromisedTwice int
	Controls, Red                               int // by slug: red in one run is enough
	NotApplicable                               int
}

func sum(runs []Run) totals {
	var t totals
	controls := map[string]bool{}
	for _, r := range runs {
		if !r.made() {
			t.NotApplicable++
			continue
		}
		t.add(r)
		if r.Control {
			controls[r.Fault] = controls[r.Fault] || r.Red
		}
	}
	t.Controls = len(controls)
	for _, red := range controls {
		if red {
			t.Red++
		}
	}
	return t
}

func (t *totals) add(r Run) {
	t.Runs++
	if !r.Passed() {
		t.Failed++
	}
	v := r.Verdict
	switch {
	case r.Control:
	case r.Promised:
		t.Promised++
		t.Acknowledged += v.Acknowledged
		t.Lost += v.Lost
		t.Duplicated += v.Duplicated
		t.Oversold += v.Oversold
		t.WriteGap = max(t.WriteGap, r.Figures.Writes.Gap)
		t.ReadGap = max(t.ReadGap, r.Figures.Reads.Gap)
	default:
		t.Unpromised++
		t.UnpromisedLost += v.Lost
		t.UnpromisedTwice += v.Duplicated
	}
}

// Summary is one line: runs, failed ones, and of the promised faults the
// acknowledged, lost, duplicated and oversold, and the longest gap. A control
// counts as red when one of its runs was.
func Summary(runs []Run) string { return "drill: " + sum(runs).String() }

// String is Summary without the name of the program.
func (t totals) String() string {
	parts := []string{
		plural(t.Runs, "run"),
		number(t.Failed) + " failed",
		number(t.Acknowledged) + " acknowledged",
		number(t.Lost) + " lost",
		number(t.Duplicated) + " duplicated",
		number(t.Oversold) + " oversold",
		"longest gap " + longestGap(t),
	}
	if t.Controls > 0 {
		parts = append(parts, fmt.Sprintf("controls %d of %d red", t.Red, t.Controls))
	}
	if t.Unpromised > 0 {
		parts = append(parts, fmt.Sprintf("not promised: %s, %s lost, %s duplicated",
			plural(t.Unpromised, "run"), number(t.UnpromisedLost), number(t.UnpromisedTwice)))
	}
	if t.NotApplicable > 0 {
		parts = append(parts, number(t.NotApplicable)+" not applicable")
	}
	return strings.Join(parts, ", ")
}

func longestGap(t totals) string {
	switch {
	case t.WriteGap == 0 && t.ReadGap == 0:
		return none
	case t.WriteGap >= t.ReadGap:
		return short(t.WriteGap) + " (writes)"
	}
	return short(t.ReadGap) + " (reads)"
}
