package attack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"evergreen/services/internal/drill"
)

// run is one that is to be made.
type run struct {
	class   Class
	control bool
}

// Run does what the options say. The private shop is stopped when it returns, also when ctx ends before.
// drill.ErrFailed says that a run was not as it has to be.
func Run(ctx context.Context, o Options) error {
	if o.Command == "attack-list" {
		return list(o.Out)
	}
	planned := plan(o)
	if len(planned) == 0 {
		return errors.New("there is nothing to do (make attack-list)")
	}
	r := &runner{notes: o.Notes, commit: drill.Revision(), dir: o.Results}
	var made []Found
	for i, next := range planned {
		fmt.Fprintf(o.Notes, "[%d/%d] %s ...\n", i+1, len(planned), next.name())
		found, err := r.once(ctx, next.class, next.control)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		found.write(o.Out)
		made = append(made, found)
	}
	return conclude(o, made)
}

func (r run) name() string {
	if r.control {
		return r.class.Name + " without its defence"
	}
	return r.class.Name
}

func conclude(o Options, made []Found) error {
	page := filepath.Join(o.Results, "report-"+o.Command+".txt")
	file, err := os.Create(page)
	if err != nil {
		return err
	}
	for _, f := range made {
		f.write(file)
	}
	fmt.Fprintln(file, summary(made))
	if err := file.Close(); err != nil {
		return err
	}
	fmt.Fprintln(o.Out, "written:", page)
	fmt.Fprintln(o.Out, summary(made))
	if slices.ContainsFunc(made, func(f Found) bool { return !f.Passed }) {
		return drill.ErrFailed
	}
	return nil
}

// plan is what a command makes.
func plan(o Options) []run {
	var all []run
	for _, c := range Classes() {
		if len(o.Classes) > 0 && !slices.Contains(o.Classes, c.Name) {
			continue
		}
		switch {
		case o.Command == "attack":
			all = append(all, run{class: c})
		case o.Command == "attack-controls":
			all = append(all, run{class: c, control: true})
		case c.Short != nil:
			all = append(all, run{class: c.shortened()})
			if c.Short.Control {
				all = append(all, run{class: c.shortened(), control: true})
			}
		}
	}
	return all
}

// list names what there is.
func list(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range Classes() {
		fmt.Fprintf(columns, "%s\t%s\t%s\twithout: %s\n", c.Name, c.Resource, c.Title, c.Control.name())
	}
	return columns.Flush()
}
