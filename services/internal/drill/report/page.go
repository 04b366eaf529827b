package report

import (
	"embed"
	"html/template"
	"io"
	"slices"
	"strconv"
	"time"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/drill/history"
)

//go:embed page.html page.css picture.html run.html
var pages embed.FS

// shownViolations is how many of a run's violations the page lists.
const shownViolations = 20

// page is what page.html shows.
type page struct {
	Totals totals
	Facts  []fact
	Groups []group
	Runs   []*view
}

// fact is a name with what it stands for.
type fact struct{ Name, Text string }

// group is a part of the table.
type group struct {
	Title string
	Runs  []*view
}

// view is a run and its picture.
type view struct {
	Run
	ID      string
	Picture *picture
}

// Page writes one self-contained HTML page: it loads nothing, runs no scripts,
// and holds all that the runs say as text.
func Page(w io.Writer, runs []Run) error {
	t, err := template.New("page.html").Funcs(words()).ParseFS(pages, "*.html", "*.css")
	if err != nil {
		return err
	}
	p := page{Totals: sum(runs), Facts: facts(runs)}
	for i, r := range runs {
		id := "run-" + strconv.Itoa(i+1)
		p.Runs = append(p.Runs, &view{Run: r, ID: id, Picture: draw(r, id)})
	}
	p.Groups = groups(p.Runs)
	return t.Execute(w, p)
}

// words are the functions that the templates write figures with.
func words() template.FuncMap {
	return template.FuncMap{
		"number":  number,
		"short":   short,
		"verdict": Run.verdict,
		"heading": Run.heading,
		"errors":  errorsText,
		"share":   share,
		"at":      func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) },
		"add":     func(a, b px) px { return a + b },
		"middle":  func(a, b px) px { return (a + b) / 2 },
	}
}

// groups sorts the runs by what is expected of them.
func groups(runs []*view) []group {
	all := []group{{Title: "Promised"}, {Title: "Not promised, and counted"}, {Title: "Controls: they have to go red"}}
	for _, v := range runs {
		switch {
		case v.Control:
			all[2].Runs = append(all[2].Runs, v)
		case v.Promised:
			all[0].Runs = append(all[0].Runs, v)
		default:
			all[1].Runs = append(all[1].Runs, v)
		}
	}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.Runs) == 0 })
}

// facts say under what conditions the runs were made.
func facts(runs []Run) []fact {
	var redis, downAfter, commits, days []string
	for _, r := range runs {
		if !r.made() {
			continue
		}
		redis = append(redis, r.Redis)
		downAfter = append(downAfter, seconds(r.DownAfter))
		commits = append(commits, r.Commit)
		days = append(days, r.When.UTC().Format(time.DateOnly))
	}
	all := []fact{{"Made", listed(days)}, {"Redis", listed(redis)}, {"Sentinel's down-after", listed(downAfter)}, {"Source", listed(commits)}}
	return slices.DeleteFunc(all, func(f fact) bool { return f.Text == "" })
}

// Violations are those that are shown.
func (v *view) Violations() []check.Violation {
	return v.Verdict.Violations[:min(len(v.Verdict.Violations), shownViolations)]
}

// More is how many are not.
func (v *view) More() int { return len(v.Verdict.Violations) - len(v.Violations()) }

// Steps are the events, for the list beneath the picture; the marks' numbers are
// the same as in it.
func (v *view) Steps() []step {
	var steps []step
	number := 0
	for _, e := range v.events() {
		s := step{Event: e}
		if e.What != history.Primary {
			number++
			s.Number = strconv.Itoa(number)
		}
		steps = append(steps, s)
	}
	return steps
}

// step is an event and its number in the picture, "" if it is in the band.
type step struct {
	history.Event
	Number string
}

func (v *view) events() []history.Event {
	if v.Timeline == nil {
		return nil
	}
	return v.Timeline.Events
}

// phases are the rows of the latency table.
type phase struct {
	Kind, Name string
	check.Latency
}

// Phases are the latencies of writes and reads, before, during and after.
func (v *view) Phases() []phase {
	var all []phase
	for _, s := range []struct {
		kind string
		check.Series
	}{{"writes", v.Figures.Writes}, {"reads", v.Figures.Reads}} {
		all = append(all, phase{s.kind, "before", s.Before}, phase{s.kind, "during", s.During}, phase{s.kind, "after", s.After})
	}
	return all
}
