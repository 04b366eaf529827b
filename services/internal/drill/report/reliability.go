package report

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Described is what the reliability tables have to know of a fault or control.
type Described struct {
	Slug, Title       string
	Promised, Control bool
	// Bound says what the clients are promised besides that nothing is lost, as
	// Bounds.String does; "" if there is no more.
	Bound string
}

// Reliability writes the tables of docs/reliability.md in Markdown: the promised
// faults, those that are counted only, and the controls, each in the order given
// and with the figures of its results file. Runs that could not be made count
// nowhere. Percentiles are by nearest rank: of fewer than twenty runs the 95th is
// the greatest. A bad line in a file is an error, told when all is written.
func Reliability(w io.Writer, r Results, faults []Described) error {
	var gathered []measured
	var bad error
	for _, d := range faults {
		runs, err := r.Read(d.Slug)
		bad = errors.Join(bad, err)
		gathered = append(gathered, measured{d, slices.DeleteFunc(runs, func(r Run) bool { return !r.made() })})
	}
	sections := []string{
		conditions(gathered),
		faultTable(gathered, true),
		faultTable(gathered, false),
		controlTable(gathered),
	}
	sections = slices.DeleteFunc(sections, func(s string) bool { return s == "" })
	_, err := fmt.Fprintln(w, strings.Join(sections, "\n\n"))
	return errors.Join(err, bad)
}

// measured is a fault with the runs that were made.
type measured struct {
	Described
	runs []Run
}

// conditions is the line above the tables.
func conditions(all []measured) string {
	var redis, downAfter []string
	for _, m := range all {
		for _, r := range m.runs {
			redis = append(redis, r.Redis)
			downAfter = append(downAfter, seconds(r.DownAfter))
		}
	}
	if len(redis) == 0 {
		return "Nothing has been measured yet."
	}
	return fmt.Sprintf("Measured with Redis %s, D = %s, in %s.", listed(redis), listed(downAfter), plural(len(redis), "run"))
}

// listed joins the different texts, sorted.
func listed(texts []string) string {
	slices.Sort(texts)
	return strings.Join(slices.Compact(texts), " and ")
}

// GapP95 is what 95 of 100 runs of a fault kept of its longest time without a good
// answer to a write; false if there are fewer than twenty.
func GapP95(runs []Run) (time.Duration, bool) {
	gaps := gapsOf(slices.DeleteFunc(slices.Clone(runs), func(r Run) bool { return !r.made() }))
	return nearestRank(gaps, 95), len(gaps) >= 20
}

func gapsOf(runs []Run) []time.Duration {
	gaps := make([]time.Duration, len(runs))
	for i, r := range runs {
		gaps[i] = r.Figures.Writes.Gap
	}
	slices.Sort(gaps)
	return gaps
}

func faultTable(all []measured, promised bool) string {
	title, header := "**Promised**", table.Row{"fault", "promised", "runs"}
	if !promised {
		title, header = "**Not promised, and counted**", table.Row{"fault", "runs"}
	}
	t := table.NewWriter()
	t.AppendHeader(append(header, "write gap p50", "p95", "max", "errors", "acknowledged", "lost", "duplicated"))
	t.SetColumnConfigs(numeric(len(header), len(header)+7))
	for _, m := range all {
		if m.Control || m.Promised != promised {
			continue
		}
		row := table.Row{m.title()}
		if promised {
			row = append(row, m.bound())
		}
		t.AppendRow(append(append(row, m.runsText()), m.figures()...))
	}
	return markdown(title, t)
}

func controlTable(all []measured) string {
	t := table.NewWriter()
	t.AppendHeader(table.Row{"control", "runs", "red"})
	t.SetColumnConfigs(numeric(2, 3))
	for _, m := range all {
		if m.Control {
			t.AppendRow(table.Row{m.title(), number(len(m.runs)), m.redText()})
		}
	}
	return markdown("**Controls: one safeguard taken out, so it has to go red**", t)
}

// markdown is a titled table, "" without rows.
func markdown(title string, t table.Writer) string {
	if t.Length() == 0 {
		return ""
	}
	return title + "\n\n" + t.RenderMarkdown()
}

func (m measured) title() string { return fmt.Sprintf("%s (`%s`)", capital(m.Title), m.Slug) }

func (m measured) bound() string {
	if m.Bound == "" {
		return "nothing lost"
	}
	return m.Bound
}

func (m measured) runsText() string {
	failed := 0
	for _, r := range m.runs {
		if !r.Passed() {
			failed++
		}
	}
	if failed == 0 {
		return number(len(m.runs))
	}
	return fmt.Sprintf("%s (%s failed)", number(len(m.runs)), number(failed))
}

// redText is how many runs were red, none without runs.
func (m measured) redText() string {
	if len(m.runs) == 0 {
		return none
	}
	red := slices.DeleteFunc(slices.Clone(m.runs), func(r Run) bool { return !r.Red })
	return number(len(red))
}

// figures are the columns from the write gap on.
func (m measured) figures() table.Row {
	if len(m.runs) == 0 {
		return table.Row{none, none, none, none, none, none, none}
	}
	gaps := gapsOf(m.runs)
	var failed, requests, acknowledged, lost, duplicated int
	for _, r := range m.runs {
		failed += r.failed()
		requests += r.requests()
		acknowledged += r.Verdict.Acknowledged
		lost += r.Verdict.Lost
		duplicated += r.Verdict.Duplicated
	}
	return table.Row{short(nearestRank(gaps, 50)), short(nearestRank(gaps, 95)), short(nearestRank(gaps, 100)),
		share(failed, requests), number(acknowledged), number(lost), number(duplicated)}
}
