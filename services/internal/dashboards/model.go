package dashboards

// What follows is Grafana's classic dashboard model, as much of it as is used here: schemaVersion 39, which Grafana 10.4
// and later load from provisioned files. The names are those of its JSON.

// Dashboard is one file.
type Dashboard struct {
	UID           string     `json:"uid"`
	Title         string     `json:"title"`
	Description   string     `json:"description"`
	Tags          []string   `json:"tags"`
	Timezone      string     `json:"timezone"`
	SchemaVersion int        `json:"schemaVersion"`
	Version       int        `json:"version"`
	Editable      bool       `json:"editable"`
	GraphTooltip  int        `json:"graphTooltip"`
	Refresh       string     `json:"refresh"`
	Time          TimeRange  `json:"time"`
	Links         []Link     `json:"links"`
	Annotations   Notes      `json:"annotations"`
	Templating    Templating `json:"templating"`
	Panels        []*Panel   `json:"panels"`
}

// TimeRange is what is shown when the dashboard is opened.
type TimeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Link is one at the top of a dashboard.
type Link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"`
	Icon        string   `json:"icon"`
	Tooltip     string   `json:"tooltip"`
	Tags        []string `json:"tags"`
	URL         string   `json:"url,omitempty"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
	TargetBlank bool     `json:"targetBlank"`
}

// Ref names a data source.
type Ref struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// Notes holds the annotations.
type Notes struct {
	List []Annotation `json:"list"`
}

// Annotation marks on all graphs when something happened.
type Annotation struct {
	BuiltIn     int     `json:"builtIn,omitempty"`
	Name        string  `json:"name"`
	Type        string  `json:"type,omitempty"`
	Datasource  Ref     `json:"datasource"`
	Enable      bool    `json:"enable"`
	Hide        bool    `json:"hide"`
	IconColor   string  `json:"iconColor"`
	Target      *Target `json:"target,omitempty"`
	TitleFormat string  `json:"titleFormat,omitempty"`
	TextFormat  string  `json:"textFormat,omitempty"`
	TagKeys     string  `json:"tagKeys,omitempty"`
}

// Templating holds the variables.
type Templating struct {
	List []Variable `json:"list"`
}

// Variable is a choice at the top of a dashboard.
type Variable struct {
	Name        string  `json:"name"`
	Label       string  `json:"label"`
	Description string  `json:"description"`
	Type        string  `json:"type"`
	Datasource  *Ref    `json:"datasource,omitempty"`
	Query       any     `json:"query"`
	Current     *Choice `json:"current,omitempty"`
	Options     []any   `json:"options"`
	Hide        int     `json:"hide"`
	Refresh     int     `json:"refresh,omitempty"`
	Regex       string  `json:"regex"`
	Sort        int     `json:"sort,omitempty"`
	Multi       bool    `json:"multi"`
	IncludeAll  bool    `json:"includeAll"`
	AllValue    string  `json:"allValue,omitempty"`
	SkipURLSync bool    `json:"skipUrlSync"`
}

// Choice is what a variable stands at: texts, or lists of them.
type Choice struct {
	Text  any `json:"text"`
	Value any `json:"value"`
}

// Panel is one picture, or the heading of a row of them.
type Panel struct {
	ID          int          `json:"id"`
	Type        string       `json:"type"`
	Title       string       `json:"title"`
	Description string       `json:"description,omitempty"`
	GridPos     GridPos      `json:"gridPos"`
	Datasource  *Ref         `json:"datasource,omitempty"`
	FieldConfig *FieldConfig `json:"fieldConfig,omitempty"`
	Options     object       `json:"options,omitempty"`
	Targets     []Target     `json:"targets,omitempty"`
	Changes     []Change     `json:"transformations,omitempty"`
	// Collapsed and Panels are a row's: what lies under it stands beside it as long as it is open.
	Collapsed *bool     `json:"collapsed,omitempty"`
	Panels    *[]*Panel `json:"panels,omitempty"`
}

// object is a JSON object whose members depend on the kind of panel.
type object = map[string]any

// GridPos is where a panel lies: 24 columns, rows of 30 pixels.
type GridPos struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

// FieldConfig says how values look.
type FieldConfig struct {
	Defaults  Field      `json:"defaults"`
	Overrides []Override `json:"overrides"`
}

// Field is how the values of all series look.
type Field struct {
	Unit       string     `json:"unit"`
	Decimals   *int       `json:"decimals,omitempty"`
	Min        *float64   `json:"min,omitempty"`
	Max        *float64   `json:"max,omitempty"`
	NoValue    string     `json:"noValue,omitempty"`
	Color      object     `json:"color"`
	Mappings   []Mapping  `json:"mappings"`
	Thresholds Thresholds `json:"thresholds"`
	Links      []object   `json:"links,omitempty"`
	Custom     object     `json:"custom,omitempty"`
}

// Mapping shows words instead of a number.
type Mapping struct {
	Type    string `json:"type"`
	Options any    `json:"options"`
}

// Thresholds are the values from which on a colour holds.
type Thresholds struct {
	Mode  string `json:"mode"`
	Steps []Step `json:"steps"`
}

// Step is one threshold; the first has no value.
type Step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// Override is what is different for some series.
type Override struct {
	Matcher    object   `json:"matcher"`
	Properties []object `json:"properties"`
}

// Target is one query.
type Target struct {
	Datasource   Ref    `json:"datasource"`
	RefID        string `json:"refId"`
	Expr         string `json:"expr"`
	LegendFormat string `json:"legendFormat,omitempty"`
	EditorMode   string `json:"editorMode"`
	Format       string `json:"format,omitempty"`
	QueryType    string `json:"queryType,omitempty"`
	Interval     string `json:"interval,omitempty"`
	Range        bool   `json:"range"`
	Instant      bool   `json:"instant"`
	Exemplar     bool   `json:"exemplar"`
}

// Change is a transformation of what a query has answered.
type Change struct {
	ID      string `json:"id"`
	Options object `json:"options"`
}
