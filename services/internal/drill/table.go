package drill

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"evergreen/services/internal/drill/report"
)

// Between these lines of the page stands what the program writes there.
const (
	tableBegins = "<!-- drill table: begin; written by make drill-table -->"
	tableEnds   = "<!-- drill table: end -->"
)

// table writes the measured figures into the page, between its two marks, and
// leaves the rest as it is.
func table(o Options) error {
	page, err := os.ReadFile(o.Page)
	if err != nil {
		return err
	}
	var figures bytes.Buffer
	if err := report.Reliability(&figures, report.Results{Dir: o.Results}, described()); err != nil {
		return err
	}
	changed, err := between(string(page), figures.String())
	if err != nil {
		return fmt.Errorf("%s: %w", o.Page, err)
	}
	return os.WriteFile(o.Page, []byte(changed), 0o644)
}

// between puts text between the marks.
func between(page, text string) (string, error) {
	before, rest, begins := strings.Cut(page, tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return "", fmt.Errorf("it lacks the lines %q and %q, between which the table stands", tableBegins, tableEnds)
	}
	return before + tableBegins + "\n" + strings.TrimSpace(text) + "\n" + tableEnds + after, nil
}

func described() []report.Described {
	var all []report.Described
	for _, f := range slices.Concat(Faults(), Controls()) {
		if f.Containers != "" {
			continue // the figures are of native stacks
		}
		d := report.Described{Slug: f.Slug, Title: f.Title, Promised: f.Promise != nil, Control: f.Control != nil}
		if f.Promise != nil {
			d.Bound = report.Bounds(*f.Promise).String()
		}
		all = append(all, d)
	}
	return all
}
