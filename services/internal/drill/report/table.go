package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Table writes a table for the terminal, a line for each run, and beneath it the
// reasons of those that failed or were not made.
func Table(w io.Writer, runs []Run) error {
	t := table.NewWriter()
	t.SetStyle(terminalStyle())
	t.AppendHeader(table.Row{"fault", "variant", "verdict", "acked", "lost", "dup", "oversold", "unknown",
		"write gap", "read gap", "write p99", "read p99", "errors"})
	t.SetColumnConfigs(numeric(4, 12))
	for _, r := range runs {
		t.AppendRow(tableRow(r))
	}
	if _, err := fmt.Fprintln(w, t.Render()); err != nil {
		return err
	}
	return writeReasons(w, runs)
}

func tableRow(r Run) table.Row {
	row := table.Row{plain(r.Fault), plain(r.Variant), r.verdict()}
	if !r.made() {
		return row
	}
	v, f := r.Verdict, r.Figures
	return append(row, number(v.Acknowledged), number(v.Lost), number(v.Duplicated), number(v.Oversold), number(v.Unknown),
		short(f.Writes.Gap), short(f.Reads.Gap), short(f.Writes.During.P99), short(f.Reads.During.P99), plain(errorsText(f.Errors)))
}

// terminalStyle is columns without lines, which a narrow window breaks less badly.
func terminalStyle() table.Style {
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	return style
}

// numeric right-aligns the columns from first to last, counted from 1.
func numeric(first, last int) []table.ColumnConfig {
	var configs []table.ColumnConfig
	for i := first; i <= last; i++ {
		configs = append(configs, table.ColumnConfig{Number: i, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	return configs
}

func writeReasons(w io.Writer, runs []Run) error {
	for _, r := range runs {
		if !r.made() {
			if _, err := fmt.Fprintf(w, "\n%s: not applicable: %s\n", plain(r.label()), plain(r.NotApplicable)); err != nil {
				return err
			}
		}
		if err := writeReasonsOf(w, r); err != nil {
			return err
		}
	}
	return nil
}

func writeReasonsOf(w io.Writer, r Run) error {
	if r.Passed() {
		return nil
	}
	if _, err := fmt.Fprintf(w, "\n%s failed:\n", plain(r.label())); err != nil {
		return err
	}
	for _, reason := range r.Reasons {
		if _, err := fmt.Fprintln(w, "  -", plain(reason)); err != nil {
			return err
		}
	}
	if r.Kept == "" {
		return nil
	}
	_, err := fmt.Fprintln(w, "  its history is kept in", r.Kept)
	return err
}

// WriteJSON writes all that is known of the runs, their timelines included, as
// one indented document: {"runs": […]}. Durations are nanoseconds.
func WriteJSON(w io.Writer, runs []Run) error {
	if runs == nil {
		runs = []Run{}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", " ")
	return encoder.Encode(map[string][]Run{"runs": runs})
}
