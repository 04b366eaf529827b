package budget

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// print writes what was measured next to the baseline.
func (f *found) print(out io.Writer, recorded *book) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "per purchase\trecorded baseline\tbaseline here\tthis version\tdifference\t\n")
	for _, name := range figures() {
		base, here, now := recorded.Entries[0].Figures[name], f.counts[0].figures[name], f.counts[1].figures[name]
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%.1f\t%s\t\n", name, base, here, now, percent(now, base))
	}
	for _, loop := range loops() {
		if f.micros[0] == nil {
			break
		}
		fmt.Fprintf(table, "\t\t\t\t\t\nprocessor µs, %s\t\t\t\tmedian ratio\t95 %%\n", loop)
		for _, row := range rows() {
			ratios := f.ratios(loop, row)
			fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%.0f\t%.3f\t± %.3f\n", row, recorded.Entries[0].Micros[loop][row],
				median(f.micros[0][loop][row]), median(f.micros[1][loop][row]), median(ratios), spread(ratios))
		}
	}
	_ = table.Flush()
	fmt.Fprintf(out, "\ncommands on the primary: %s\nbytes kept: %s\n", list(f.counts[1].commands, 2), list(f.counts[1].kept, 0))
}

// list is names with their figures, the largest first.
func list(of map[string]float64, digits int) string {
	names := slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		if of[a] != of[b] {
			return int(of[b]*1000) - int(of[a]*1000)
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %.*f", name, digits, of[name])
	}
	return strings.Join(names, ", ")
}

// percent is by how much a figure is over another.
func percent(now, base float64) string {
	if base == 0 {
		return "–"
	}
	return fmt.Sprintf("%+.1f %%", 100*(now/base-1))
}

// tables are those of docs/budget.md: the baseline's figures, then a section for each issue.
func (b *book) tables() string {
	var text strings.Builder
	base := b.Entries[0]
	for i, e := range b.Entries {
		fmt.Fprintf(&text, "\n### %s\n\n", e.Issue)
		text.WriteString("| per purchase | figure | to the baseline | command |\n|---|---|---|---|\n")
		for _, name := range figures() {
			fmt.Fprintf(&text, "| %s | %.1f | %s | `make budget COUNTS=1` |\n", name, e.Figures[name], percent(e.Figures[name], base.Figures[name]))
		}
		for _, loop := range loops() {
			for _, row := range rows() {
				to := "1"
				if i > 0 {
					to = fmt.Sprintf("%.3f", e.Ratios[loop][row])
				}
				if row == rowAll && i > 0 {
					to += fmt.Sprintf(" ± %.3f", e.Spread[loop])
				}
				fmt.Fprintf(&text, "| processor µs, %s: %s | %.0f | %s | `make budget` |\n", loop, row, e.Micros[loop][row], to)
			}
		}
		text.WriteString(b.verdict(i))
	}
	return text.String()
}

// verdict says what an entry has added to the one before it.
func (b *book) verdict(i int) string {
	if i == 0 {
		return "\n"
	}
	before, e := b.Entries[i-1], b.Entries[i]
	worst := ""
	highest := 0.0
	note := func(name string, now, then float64) {
		if added := 100 * (now/then - 1); worst == "" || added > highest {
			worst, highest = name, added
		}
	}
	for _, name := range figures() {
		note(name, e.Figures[name], before.Figures[name])
	}
	for _, loop := range loops() {
		note("processor time, "+loop, e.ratio(loop), before.ratio(loop))
	}
	return fmt.Sprintf("\nMost is added to: %s, %+.1f %%. Allowed: %.0f %%.\n\n", worst, highest, e.Allowed)
}
