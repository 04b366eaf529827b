package dashboards

import "strconv"

// The data sources are variables, so that the same files serve another Prometheus, too.
var (
	metrics = Ref{Type: "prometheus", UID: "${datasource}"}
	logs    = Ref{Type: "loki", UID: "${logs}"}
)

// every is the selector that makes each query follow the variable at the top.
const every = `instance=~"$instance"`

// q is a query over the time shown.
func q(expr, legend string) Target {
	return Target{Datasource: metrics, Expr: expr, LegendFormat: legend, EditorMode: "code", Format: "time_series", Range: true}
}

// now is a query for the end of the time shown.
func now(expr, legend string) Target {
	target := q(expr, legend)
	target.Range, target.Instant = false, true
	return target
}

// rows is now for a table.
func rows(expr string) Target {
	target := now(expr, "")
	target.Format = "table"
	return target
}

// withExemplars also fetches single requests that were measured.
func (t Target) withExemplars() Target {
	t.Exemplar = true
	return t
}

// newPanel is what all kinds have in common.
func newPanel(kind, title, description, unit string, targets []Target) *Panel {
	for i := range targets {
		targets[i].RefID = string(rune('A' + i))
	}
	source := metrics
	return &Panel{
		Type: kind, Title: title, Description: description, Datasource: &source, Targets: targets,
		GridPos: GridPos{W: 8, H: 8},
		FieldConfig: &FieldConfig{
			Defaults: Field{
				Unit: unit, Color: object{"mode": "palette-classic"}, Mappings: []Mapping{},
				Thresholds: Thresholds{Mode: "absolute", Steps: []Step{{Color: "green"}}},
			},
			Overrides: []Override{},
		},
	}
}

// stat is one big value, or one for each series.
func stat(title, description, unit string, targets ...Target) *Panel {
	p := newPanel("stat", title, description, unit, targets)
	p.FieldConfig.Defaults.Color = object{"mode": "thresholds"}
	p.Options = object{
		"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
		"orientation":   "auto", "textMode": "value", "colorMode": "background", "graphMode": "none", "justifyMode": "center",
		"percentChangeColorMode": "standard", "showPercentChange": false, "wideLayout": true,
	}
	return p.size(4, 4)
}

// graph is lines over time.
func graph(title, description, unit string, targets ...Target) *Panel {
	p := newPanel("timeseries", title, description, unit, targets)
	p.FieldConfig.Defaults.Custom = object{
		"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 0, "gradientMode": "none",
		"showPoints": "never", "pointSize": 5, "spanNulls": false, "insertNulls": false, "barAlignment": 0,
		"stacking": object{"group": "A", "mode": "none"}, "thresholdsStyle": object{"mode": "off"},
		"axisPlacement": "auto", "axisLabel": "", "axisColorMode": "text", "axisCenteredZero": false, "axisBorderShow": false,
		"scaleDistribution": object{"type": "linear"}, "hideFrom": object{"legend": false, "tooltip": false, "viz": false},
	}
	p.Options = object{
		"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}
	zero := 0.0
	p.FieldConfig.Defaults.Min = &zero
	return p
}

// timeline is one bar for each series, coloured by its state.
func timeline(title, description string, targets ...Target) *Panel {
	p := newPanel("state-timeline", title, description, "none", targets)
	p.FieldConfig.Defaults.Color = object{"mode": "thresholds"}
	p.FieldConfig.Defaults.Custom = object{
		"fillOpacity": 75, "lineWidth": 0, "hideFrom": object{"legend": false, "tooltip": false, "viz": false},
	}
	p.Options = object{
		"alignValue": "left", "mergeValues": true, "rowHeight": 0.85, "showValue": "auto",
		"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
		"tooltip": object{"mode": "single", "sort": "none"},
	}
	return p
}

// table is a line for each series, with its labels as columns.
func table(title, description, unit string, targets ...Target) *Panel {
	p := newPanel("table", title, description, unit, targets)
	p.FieldConfig.Defaults.Color = object{"mode": "thresholds"}
	p.FieldConfig.Defaults.Custom = object{"align": "auto", "cellOptions": object{"type": "auto"}, "inspect": false}
	p.Options = object{"cellHeight": "sm", "frameIndex": 0, "showHeader": true}
	return p
}

// heading begins a row.
func heading(title string) *Panel {
	closed, none := false, []*Panel{}
	return &Panel{Type: "row", Title: title, GridPos: GridPos{W: columns, H: 1}, Collapsed: &closed, Panels: &none}
}

func (p *Panel) size(w, h int) *Panel {
	p.GridPos.W, p.GridPos.H = w, h
	return p
}

// limits are the thresholds: the colour below the first one, then pairs of a value and the colour from there on.
func (p *Panel) limits(base string, pairs ...any) *Panel {
	steps := []Step{{Color: base}}
	for i := 0; i+1 < len(pairs); i += 2 {
		steps = append(steps, Step{Value: number(pairs[i]), Color: pairs[i+1].(string)})
	}
	p.FieldConfig.Defaults.Thresholds.Steps = steps
	return p
}

// marked draws the thresholds into a graph.
func (p *Panel) marked(base string, pairs ...any) *Panel {
	p.FieldConfig.Defaults.Custom["thresholdsStyle"] = object{"mode": "dashed"}
	return p.limits(base, pairs...)
}

func number(n any) *float64 {
	var f float64
	switch n := n.(type) {
	case int:
		f = float64(n)
	case float64:
		f = n
	}
	return &f
}

// says shows words for values: triples of value, word and colour.
func (p *Panel) says(triples ...any) *Panel {
	words := object{}
	for i := 0; i+2 < len(triples); i += 3 {
		words[strconv.Itoa(triples[i].(int))] = object{"text": triples[i+1], "color": triples[i+2], "index": i / 3}
	}
	p.FieldConfig.Defaults.Mappings = append(p.FieldConfig.Defaults.Mappings, Mapping{Type: "value", Options: words})
	return p
}

// saysBetween shows a word for all values from one to another.
func (p *Panel) saysBetween(from, to float64, word, color string) *Panel {
	options := object{"from": from, "to": to, "result": object{"text": word, "color": color, "index": len(p.FieldConfig.Defaults.Mappings) + 10}}
	p.FieldConfig.Defaults.Mappings = append(p.FieldConfig.Defaults.Mappings, Mapping{Type: "range", Options: options})
	return p
}

// none is what stands there when the query has no answer.
func (p *Panel) none(text string) *Panel {
	p.FieldConfig.Defaults.NoValue = text
	return p
}

func (p *Panel) decimals(n int) *Panel {
	p.FieldConfig.Defaults.Decimals = &n
	return p
}

// upTo is how far the axis goes at least, so that next to nothing looks like it.
func (p *Panel) upTo(n float64) *Panel {
	p.FieldConfig.Defaults.Custom["axisSoftMax"] = n
	return p
}

func (p *Panel) atMost(n float64) *Panel {
	p.FieldConfig.Defaults.Max = &n
	return p
}

// option sets one of the kind's own options.
func (p *Panel) option(name string, value any) *Panel {
	p.Options[name] = value
	return p
}

// stacked fills the areas between the lines.
func (p *Panel) stacked() *Panel {
	p.FieldConfig.Defaults.Custom["stacking"] = object{"group": "A", "mode": "normal"}
	p.FieldConfig.Defaults.Custom["fillOpacity"] = 35
	return p
}

// summed shows figures of each line beside its name.
func (p *Panel) summed(calcs ...string) *Panel {
	p.Options["legend"] = object{"displayMode": "table", "placement": "right", "showLegend": true, "calcs": calcs, "width": 420}
	return p
}

// painted gives series their colours: pairs of a pattern of names and a colour.
func (p *Panel) painted(pairs ...string) *Panel {
	for i := 0; i+1 < len(pairs); i += 2 {
		p.override("byRegexp", "/"+pairs[i]+"/", object{"id": "color", "value": object{"mode": "fixed", "fixedColor": pairs[i+1]}})
	}
	return p
}

// override is what is different for the series that match.
func (p *Panel) override(matcher, which string, properties ...object) *Panel {
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, Override{Matcher: object{"id": matcher, "options": which}, Properties: properties})
	return p
}

// opens makes a click on the value lead to another dashboard, at the same time.
func (p *Panel) opens(title, uid string) *Panel {
	p.FieldConfig.Defaults.Links = append(p.FieldConfig.Defaults.Links, object{
		"title": title, "url": "/d/" + uid + "?${__url_time_range}", "targetBlank": false,
	})
	return p
}

// organized hides columns of a table and names the others.
func (p *Panel) organized(hidden []string, names map[string]string) *Panel {
	exclude := object{}
	for _, name := range hidden {
		exclude[name] = true
	}
	p.Changes = append(p.Changes, Change{ID: "organize", Options: object{"excludeByName": exclude, "indexByName": object{}, "renameByName": names}})
	return p
}
