package dashboards

import (
	"strings"
	"testing"
)

// query is one that some dashboard asks, wherever it does.
type query struct {
	// where says so: dashboard, panel and letter.
	where        string
	panel        *Panel
	datasource   Ref
	expr, legend string
	instant      bool
	exemplar     bool
}

// queries are those of all panels and annotations.
func queries(t *testing.T) (all []query) {
	t.Helper()
	for _, d := range committed(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all = append(all, query{
					d.UID + "/" + p.Title + "/" + target.RefID, p, target.Datasource, target.Expr, target.LegendFormat,
					target.Instant, target.Exemplar,
				})
			}
		}
		for _, note := range d.Annotations.List {
			if note.Target != nil {
				all = append(all, query{d.UID + "/annotation " + note.Name, nil, note.Datasource, note.Target.Expr, note.TextFormat, false, false})
			}
		}
	}
	return all
}

// filledIn puts in what Grafana would for its variables: the instances chosen, as a pattern, and the time shown.
func filledIn(expr, instances, shown string) string {
	return strings.NewReplacer("$instance", instances, "$__rate_interval", "10s", "$__range", shown).Replace(expr)
}
