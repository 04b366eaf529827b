package dashboards

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

func TestMain(m *testing.M) { os.Exit(shoptest.Verdict(m.Run())) }

// notHere are the panels that stay empty where nobody starts the pipeline of the logs: a process that only containers have.
// They are the only ones.
var notHere = map[string]string{
	"host-stack/Log lines taken in a second":      "Loki runs in containers only",
	"host-stack/Log lines refused":                "Loki runs in containers only",
	"host-stack/Lines that wait in the collector": "the collector runs in containers only",
	"host-stack/Memory of the log pipeline":       "Loki and its collector run in containers only",
	"edge-api/Log lines of one request":           "asks Loki",
	"shop/Logs":                                   "counts Loki and its collector",
}

func TestAfterADayOfFaultsTheDashboardsShowWhatHasHappened(t *testing.T) {
	d := live(t)
	t.Run("every query has an answer, with the labels that its legend names", d.everyQuery)
	t.Run("the variable lists the instances, and a choice is followed", d.everyVariable)
	t.Run("when all is well, that is what is shown", d.health)
	t.Run("a frozen replica is seen", d.frozenReplica)
	t.Run("a failover is seen", d.failover)
	t.Run("a dead API replica is seen", d.deadAPI)
	t.Run("sales are counted, in each currency's own unit", d.sales)
	t.Run("an exemplar names its request", d.exemplars)
	d.keepAnswers(t)
}

func (d *day) everyQuery(t *testing.T) {
	label := regexp.MustCompile(`\{\{(\w+)\}\}`)
	empty, asked := map[string]bool{}, 0
	for _, query := range queries(t) {
		panel := regexp.MustCompile(`/[A-Z]$`).ReplaceAllString(query.where, "")
		if query.datasource != metrics || notHere[panel] != "" {
			empty[panel] = true
			continue
		}
		asked++
		found := d.prometheus.over(t, filledIn(query.expr, ".+", d.shown()), d.began, d.ended)
		figures := 0
		for _, series := range found {
			figures += len(numbers(series))
			for _, named := range label.FindAllStringSubmatch(query.legend, -1) {
				require.NotEmpty(t, series.Metric[model.LabelName(named[1])], "%s has no %s: %s", query.where, named[1], series.Metric)
			}
		}
		// One assertion a query, and all of them: who has broken several wants to know which.
		if figures == 0 {
			t.Errorf("%s was empty all day: %s", query.where, query.expr)
		}
	}
	require.Greater(t, asked, 150)
	require.Equal(t, slices.Sorted(maps.Keys(notHere)), slices.Sorted(maps.Keys(empty)))
}

func (d *day) everyVariable(t *testing.T) {
	listed := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	expected := map[string][]string{
		"shop.json":       {"api-1", "host", "nginx-b", "redis-3", "sentinel-2", "alertmanager", "prometheus", "redis-exporter"},
		"redis-ha.json":   {"redis-1", "redis-2", "redis-3", "sentinel-1", "sentinel-2", "sentinel-3", "api-1", "api-2"},
		"edge-api.json":   {"nginx-a", "nginx-b", "api-1", "api-2"},
		"host-stack.json": {"host", "prometheus", "alertmanager", "redis-exporter", "nginx-a", "api-2", "sentinel-1", "backup"},
	}
	for name, dashboard := range committed(t) {
		for _, variable := range dashboard.Templating.List {
			if variable.Type != "query" {
				continue
			}
			parts := listed.FindStringSubmatch(variable.Query.(map[string]any)["query"].(string))
			require.Len(t, parts, 3)
			values, _, _, err := d.prometheus.LabelValues(t.Context(), parts[2], []string{parts[1]}, d.began, d.ended)
			require.NoError(t, err)
			var names []string
			for _, value := range values {
				names = append(names, string(value))
			}
			require.Subset(t, names, expected[name], name)
		}
	}
	for _, query := range queries(t) {
		if query.datasource != metrics || query.panel == nil {
			continue
		}
		for _, series := range d.prometheus.over(t, filledIn(query.expr, "redis-2|api-2", d.shown()), d.began, d.ended) {
			if of := series.Metric["instance"]; of != "" {
				require.Contains(t, []model.LabelValue{"redis-2", "api-2"}, of, query.where)
			}
		}
	}
}

// panel finds what a panel shows: the answers to its first query, or to the one with this letter.
func (d *day) panel(t *testing.T, uid, title string, letter ...string) string {
	t.Helper()
	for _, query := range queries(t) {
		if query.where == uid+"/"+title+"/"+append(letter, "A")[0] {
			return filledIn(query.expr, ".+", d.shown())
		}
	}
	require.Fail(t, "there is no such panel", "%s: %s", uid, title)
	return ""
}

// shows gives the value of a panel at a time, for a panel that has one.
func (d *day) shows(t *testing.T, when time.Time, uid, title string, letter ...string) float64 {
	t.Helper()
	found := d.prometheus.at(t, d.panel(t, uid, title, letter...), when)
	require.Len(t, found, 1, "%s: %s", uid, title)
	return float64(found[0].Value)
}

// each gives the values of a panel at a time, by a label.
func (d *day) each(t *testing.T, when time.Time, by, uid, title string) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for _, sample := range d.prometheus.at(t, d.panel(t, uid, title), when) {
		all[string(sample.Metric[model.LabelName(by)])] = float64(sample.Value)
	}
	return all
}

// note tells whether an annotation stood at a time, and with which label.
func (d *day) note(t *testing.T, name string, label model.LabelName, from, to time.Time) (values []string) {
	t.Helper()
	for _, query := range queries(t) {
		if query.where != "shop/annotation "+name {
			continue
		}
		for _, series := range d.prometheus.over(t, query.expr, from, to) {
			values = append(values, string(series.Metric[label]))
		}
	}
	return values
}

func (d *day) exemplars(t *testing.T) {
	for _, query := range queries(t) {
		if query.panel == nil || !query.exemplar {
			continue
		}
		found, err := d.prometheus.QueryExemplars(t.Context(), filledIn(query.expr, ".+", d.shown()), d.began, d.ended)
		require.NoError(t, err)
		require.NotEmpty(t, found, query.where)
		for _, series := range found {
			for _, exemplar := range series.Exemplars {
				require.NotEmpty(t, exemplar.Labels["request_id"], query.where)
			}
		}
	}
}
