package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"

	"evergreen/services/internal/drill/report"
	"evergreen/services/internal/stack"
)

// ErrFailed says that a run was not as it has to be; the report says which.
var ErrFailed = errors.New("the drill failed")

// Run does what the options say. The private shop is stopped when it returns, also
// when ctx ends before.
func Run(ctx context.Context, o Options) error {
	switch o.Command {
	case "list":
		return list(o.Out)
	case "table":
		return table(o)
	}
	return sit(ctx, o)
}

// list names what there is.
func list(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range slices.Concat(Faults(), Controls()) {
		what := "not promised"
		switch {
		case f.Control != nil:
			what = "control"
		case f.Promise != nil:
			what = "promised"
		}
		title := f.Title
		if len(f.Variants) > 0 {
			title += " (" + strings.Join(f.Variants, ", ") + ")"
		}
		fmt.Fprintf(columns, "%s\t%s\t%s\n", f.Slug, what, title)
	}
	return columns.Flush()
}

// sit makes runs and reports them.
func sit(ctx context.Context, o Options) error {
	s, err := newSitting(ctx, o)
	if err != nil {
		return err
	}
	err = errors.Join(s.make(ctx, o), s.shops.close(ctx), s.report(o))
	if err == nil && !s.passed() {
		err = errors.Join(append([]error{ErrFailed}, s.troubles...)...)
	}
	return err
}

func newSitting(ctx context.Context, o Options) (*sitting, error) {
	all := &shops{}
	var tight []string
	if o.Compose {
		project, err := openComposed(ctx)
		if err != nil {
			return nil, err
		}
		all.somebodyElses, tight = inContainers(project), project.tight()
	}
	if o.URL != "" {
		root, err := stack.Root()
		if err != nil {
			return nil, err
		}
		settings, err := stack.LoadSettings(root, o.Getenv)
		if err != nil {
			return nil, err
		}
		all.somebodyElses = running(o.URL, o.Net, settings)
	}
	show := newDisplay(o.Notes, o.Terminal)
	if len(tight) > 0 {
		show.say("the shop should be started with %s: all clients of the drill come from one address in its eyes", strings.Join(tight, " "))
	}
	return &sitting{runner: &runner{
		shops: all, results: report.Results{Dir: o.Results}, show: show, commit: Revision(), rate: o.Rate, last: o.Last,
	}}, nil
}

// make makes the runs of one command.
func (s *sitting) make(ctx context.Context, o Options) error {
	faults, controls, err := chosen(o)
	if err != nil {
		return err
	}
	switch o.Command {
	case "controls":
		return s.controls(ctx, controls)
	case "short":
		return s.short(ctx)
	}
	return s.faults(ctx, faults, o.Times, o.Until)
}

// chosen are the faults and controls that the options name, or all. A shop of
// somebody else's has fewer: most faults need a hold on its processes.
func chosen(o Options) (faults, controls []Fault, err error) {
	faults, controls = Faults(), Controls()
	if o.URL != "" {
		controls = nil
		faults = slices.DeleteFunc(faults, func(f Fault) bool { return !f.Anywhere || f.Slug == "handover" && o.Net == "" })
	}
	for _, slug := range o.Faults {
		if !slices.ContainsFunc(slices.Concat(faults, controls), func(f Fault) bool { return f.Slug == slug }) {
			return nil, nil, unknown(slug, o)
		}
	}
	if len(o.Faults) > 0 {
		other := func(f Fault) bool { return !slices.Contains(o.Faults, f.Slug) }
		faults, controls = slices.DeleteFunc(faults, other), slices.DeleteFunc(controls, other)
	}
	if len(faults) == 0 && o.Command == "run" || len(controls) == 0 && o.Command == "controls" {
		return nil, nil, errors.New("there is nothing to do: run is for faults, controls for controls (make drill-list)")
	}
	return faults, controls, nil
}

func unknown(slug string, o Options) error {
	if _, found := Find(slug); found && o.URL != "" {
		return fmt.Errorf("%s needs a hold on the shop's processes; of a shop that runs already only none, and with -net handover, can be done", slug)
	}
	return fmt.Errorf("there is no fault %q (make drill-list)", slug)
}

// report writes what the sitting found: the table and the summary for people on
// the terminal, a page and all figures as files.
func (s *sitting) report(o Options) error {
	if len(s.runs) == 0 {
		return nil
	}
	if err := os.MkdirAll(o.Results, 0o755); err != nil {
		return err
	}
	fmt.Fprintln(o.Out)
	err := report.Table(o.Out, s.runs)
	for name, write := range map[string]func(io.Writer, []report.Run) error{".html": report.Page, ".json": report.WriteJSON} {
		path := filepath.Join(o.Results, "report-"+o.Command+name)
		err = errors.Join(err, writeFile(path, func(w io.Writer) error { return write(w, s.runs) }))
		fmt.Fprintln(o.Out, "written:", path)
	}
	fmt.Fprintln(o.Out, report.Summary(s.runs))
	return err
}

func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// Revision is the commit that the program was built from; "" if nobody knows.
func Revision() string {
	info, known := debug.ReadBuildInfo()
	if !known {
		return ""
	}
	commit, dirty := "", ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			commit = setting.Value[:min(len(setting.Value), 12)]
		case setting.Key == "vcs.modified" && setting.Value == "true":
			dirty = "+changes"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + dirty
}
