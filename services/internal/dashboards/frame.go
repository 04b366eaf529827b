package dashboards

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// columns is how wide a dashboard is.
const columns = 24

// All are the dashboards by their files' names.
func All() map[string]Dashboard {
	return map[string]Dashboard{
		"shop.json": shop(), "redis-ha.json": redisHA(), "edge-api.json": edgeAPI(), "host-stack.json": hostStack(),
	}
}

// Write writes all dashboards into a directory.
func Write(dir string) error {
	all := All()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text, err := all[name].Text()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil { //nolint:gosec // Grafana runs as somebody else.
			return err
		}
	}
	return nil
}

// Text is the dashboard's file.
func (d Dashboard) Text() ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(d)
	return text.Bytes(), err
}

// newDashboard puts the panels, in their order, one beside the other, and begins anew below where one does not fit.
func newDashboard(uid, title, description, jobs string, panels ...*Panel) Dashboard {
	place(panels)
	return Dashboard{
		UID: uid, Title: title, Description: description, Tags: []string{"evergreen"}, Timezone: "browser",
		SchemaVersion: 39, Version: 1, GraphTooltip: 1, Refresh: "10s", Time: TimeRange{From: "now-30m", To: "now"},
		Links: links(uid), Annotations: Notes{List: annotations()}, Panels: panels,
		Templating: Templating{List: []Variable{sourceVariable("datasource", "Prometheus", "prometheus"), instanceVariable(jobs)}},
	}
}

func place(panels []*Panel) {
	x, y, below := 0, 0, 0
	for i, p := range panels {
		p.ID = i + 1
		if x+p.GridPos.W > columns {
			x, y = 0, below
		}
		p.GridPos.X, p.GridPos.Y = x, y
		x, below = x+p.GridPos.W, max(below, y+p.GridPos.H)
	}
}

// links lead to the other dashboards, with the time that is shown.
func links(but string) (all []Link) {
	for _, to := range [][2]string{{"shop", "Shop"}, {"redis-ha", "Redis HA"}, {"edge-api", "Edge and API"}, {"host-stack", "Host and stack"}} {
		if to[0] == but {
			continue
		}
		all = append(all, Link{
			Title: to[1], Type: "link", Icon: "dashboard", Tooltip: "Opens " + to[1], Tags: []string{}, URL: "/d/" + to[0], KeepTime: true,
		})
	}
	return all
}

// sourceVariable chooses a data source of a kind.
func sourceVariable(name, label, kind string) Variable {
	return Variable{
		Name: name, Label: label, Description: "Where the dashboard asks.", Type: "datasource", Query: kind, Refresh: 1, Options: []any{},
		Current: &Choice{Text: label, Value: kind},
	}
}

// instanceVariable chooses among the instances of jobs, a pattern.
func instanceVariable(jobs string) Variable {
	source := metrics
	return Variable{
		Name: "instance", Label: "Instance", Type: "query", Datasource: &source,
		Description: "One or more services instead of all. A panel that is about others is empty then.",
		Query: object{
			"qryType": 1, "query": `label_values(up{job=~"` + jobs + `"}, instance)`, "refId": "PrometheusVariableQueryEditor-VariableQuery",
		},
		Current: &Choice{Text: []string{"All"}, Value: []string{"$__all"}}, Options: []any{},
		Refresh: 2, Sort: 7, Multi: true, IncludeAll: true, AllValue: ".+",
	}
}

// annotations mark failovers, starts and the alerts that cannot wait on every graph.
func annotations() []Annotation {
	return []Annotation{
		{
			BuiltIn: 1, Name: "Annotations & Alerts", Type: "dashboard", Datasource: Ref{Type: "grafana", UID: "-- Grafana --"},
			Enable: true, Hide: true, IconColor: "rgba(0, 211, 255, 1)",
		},
		// Of the addresses that Sentinels have named in the last two minutes, the one that they have named less often: for a
		// minute after a failover that is the new one. Where they have named one only, as at the start, nothing has changed.
		annotation("Failover", "red", `count by (master_address) (redis_sentinel_master_status)
  and sum by (master_address) (count_over_time(redis_sentinel_master_status[2m]))
    < on () group_left () max(sum by (master_address) (count_over_time(redis_sentinel_master_status[2m])))`, "The primary changed", "Sentinels name {{master_address}}", "master_address"),
		annotation("API started", "blue", `time() - process_start_time_seconds{job="api"} < 30`, "Started", "{{instance}}", "instance"),
		annotation("Alert", "orange", `max by (alertname, severity) (ALERTS{alertstate="firing", severity="page"})`,
			"{{alertname}}", "{{severity}}: see docs/runbook/{{alertname}}.md", "severity"),
	}
}

func annotation(name, color, expr, title, text, tags string) Annotation {
	target := q(expr, "")
	target.RefID, target.Interval, target.Format = "Anno", "15s", ""
	return Annotation{
		Name: name, Datasource: metrics, Enable: true, IconColor: color, Target: &target,
		TitleFormat: title, TextFormat: text, TagKeys: tags,
	}
}
