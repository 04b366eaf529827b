package dashboards

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// These are the rules of Grafana's dashboard linter, which cannot be had here, restated, and a few of our own.

func TestEveryDashboardTakesItsDataSourceAndInstancesFromVariables(t *testing.T) {
	for name, d := range committed(t) {
		variables := map[string]Variable{}
		for _, v := range d.Templating.List {
			require.NotEmpty(t, v.Label, "%s: %s", name, v.Name)
			require.NotEmpty(t, v.Description, "%s: %s", name, v.Name)
			variables[v.Name] = v
		}
		source, instance := variables["datasource"], variables["instance"]
		require.Equal(t, "datasource", source.Type, name)
		require.Equal(t, "prometheus", source.Query, name)
		require.Equal(t, "query", instance.Type, name)
		require.Equal(t, metrics, *instance.Datasource, name)
		require.True(t, instance.Multi && instance.IncludeAll, name)
		require.Equal(t, ".+", instance.AllValue, name)
		require.Equal(t, 2, instance.Refresh, "%s: instances come and go while it is open", name)
	}
	for _, query := range queries(t) {
		require.Contains(t, []Ref{metrics, logs}, query.datasource, query.where)
	}
}

// pictures are the panels that are no headings.
func pictures(t *testing.T, look func(where string, p *Panel)) {
	t.Helper()
	for name, d := range committed(t) {
		for _, p := range d.Panels {
			if p.Type != "row" {
				look(name+": "+p.Title, p)
			}
		}
	}
}

func TestEveryPanelSaysWhatItShowsWhatIsNormalAndInWhichUnit(t *testing.T) {
	// Grafana's own names of units; what is a share or a state has one of the first two.
	known := []string{"none", "short", "percentunit", "s", "bytes", "Bps", "reqps", "ops", "cps", "cpm", "dateTimeFromNow", "suffix: down", "suffix:×"}
	pictures(t, func(where string, p *Panel) {
		require.NotEmpty(t, p.Title, where)
		require.Greater(t, len(p.Description), 60, where)
		require.Regexp(t, `[Nn]ormal (is|only)|must be 0`, p.Description, where)
		require.Contains(t, known, p.FieldConfig.Defaults.Unit, where)
		require.NotEmpty(t, p.FieldConfig.Defaults.Thresholds.Steps, where)
		require.NotEmpty(t, p.Targets, where)
		require.False(t, strings.ContainsAny(p.Title, "$"), where)
	})
}

func TestThresholdsRiseAndBeginWithoutAValue(t *testing.T) {
	pictures(t, func(where string, p *Panel) {
		for i, step := range p.FieldConfig.Defaults.Thresholds.Steps {
			require.Equal(t, i == 0, step.Value == nil, where)
			if i > 1 {
				require.Greater(t, *step.Value, *p.FieldConfig.Defaults.Thresholds.Steps[i-1].Value, where)
			}
		}
	})
}

func TestPanelsHaveNumbersOfTheirOwnAndDoNotOverlap(t *testing.T) {
	for name, d := range committed(t) {
		ids, titles := map[int]bool{}, map[string]bool{}
		for i, p := range d.Panels {
			require.False(t, ids[p.ID] || titles[p.Title], "%s: there are two of %q", name, p.Title)
			ids[p.ID], titles[p.Title] = true, true
			require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, columns, p.Title)
			require.Positive(t, p.GridPos.W*p.GridPos.H, p.Title)
			for _, other := range d.Panels[:i] {
				require.False(t, overlap(p.GridPos, other.GridPos), "%s: %s lies on %s", name, p.Title, other.Title)
			}
		}
	}
}

func overlap(a, b GridPos) bool {
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H
}

func TestNoRowOfPanelsHasAHole(t *testing.T) {
	for name, d := range committed(t) {
		covered := map[int]int{}
		for _, p := range d.Panels {
			for y := range p.GridPos.H {
				covered[p.GridPos.Y+y] += p.GridPos.W
			}
		}
		for y := range len(covered) {
			require.Equal(t, columns, covered[y], "%s: line %d", name, y)
		}
	}
}

func TestEveryLineHasAName(t *testing.T) {
	pictures(t, func(where string, p *Panel) {
		for _, target := range p.Targets {
			if p.Type != "table" && p.Type != "logs" {
				require.NotEmpty(t, target.LegendFormat, where)
			}
			require.NotEmpty(t, target.RefID, where)
			require.NotEqual(t, target.Range, target.Instant, where)
		}
	})
}

// wholeShop are metrics that have no instance: what rules have summed up, and alerts.
var wholeShop = regexp.MustCompile(`^(shop:|.*ALERTS)`)

func TestEveryQueryFollowsTheInstanceChosenAndNamesNone(t *testing.T) {
	fixed := regexp.MustCompile(`instance\s*!?=~?\s*"([^"]*)"`)
	address := regexp.MustCompile(`\d+\.\d+\.\d+\.\d+|(redis|sentinel|api)-\d`)
	pictures(t, func(where string, p *Panel) {
		for _, target := range p.Targets {
			if target.Datasource == logs || wholeShop.MatchString(target.Expr) {
				continue
			}
			for _, selector := range selectors(target.Expr) {
				require.Contains(t, selector, every, "%s: %s", where, target.Expr)
			}
		}
	})
	for _, query := range queries(t) {
		for _, found := range fixed.FindAllStringSubmatch(query.expr, -1) {
			require.Equal(t, "$instance", found[1], query.where)
		}
		require.NotRegexp(t, address, query.expr, query.where)
	}
}

// selectors are the braces of an expression; a metric without any counts as an empty one.
func selectors(expr string) []string {
	bare := regexp.MustCompile(`\b(shop|redis|nginx|node|process|go|prometheus|alertmanager|loki|otelcol)_[a-z0-9_]+\b(\{)?`)
	found := regexp.MustCompile(`\{[^}]*\}`).FindAllString(expr, -1)
	for _, metric := range bare.FindAllStringSubmatch(regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(expr, "{"), -1) {
		if metric[2] == "" {
			found = append(found, "nothing after "+metric[0])
		}
	}
	return found
}

func TestCountersAreOnlyShownAsRatesOverGrafanasOwnIntervals(t *testing.T) {
	counter := regexp.MustCompile(`(\w+\()?\b([a-z]\w*(?:_total|_bucket|_count|_sum))\{`)
	interval := regexp.MustCompile(`\b(rate|increase|irate|delta|deriv|resets|changes)\([^\[]*\[([^\]]*)\]`)
	counted, measured := 0, 0
	for _, query := range queries(t) {
		for _, found := range counter.FindAllStringSubmatch(query.expr, -1) {
			require.Contains(t, []string{"rate(", "increase("}, found[1], "%s shows the counter %s as it is", query.where, found[2])
			counted++
		}
		for _, found := range interval.FindAllStringSubmatch(query.expr, -1) {
			want := map[string]string{"rate": "$__rate_interval", "increase": "$__range"}[found[1]]
			require.Equal(t, want, found[2], "%s: %s", query.where, query.expr)
			measured++
		}
	}
	require.Greater(t, counted, 50)
	require.GreaterOrEqual(t, measured, counted)
}

func TestTheGraphsOfTimesShowSingleRequests(t *testing.T) {
	found := 0
	pictures(t, func(_ string, p *Panel) {
		for _, target := range p.Targets {
			if target.Exemplar {
				require.Contains(t, target.Expr, "shop_http_request_duration_seconds_bucket")
				found++
			}
		}
	})
	require.Equal(t, 4, found)
}
