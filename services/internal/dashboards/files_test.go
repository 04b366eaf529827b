package dashboards

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// root is the repository, seen from this package.
const root = "../../.."

// committed are the dashboards as Grafana reads them.
func committed(t *testing.T) map[string]Dashboard {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "grafana/dashboards/*"))
	require.NoError(t, err)
	require.Len(t, files, len(All()), "each file in grafana/dashboards is a dashboard that is generated")
	found := map[string]Dashboard{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var d Dashboard
		require.NoError(t, json.Unmarshal(text, &d), file)
		found[filepath.Base(file)] = d
	}
	return found
}

func TestTheCommittedDashboardsAreTheGeneratedOnes(t *testing.T) {
	for name, d := range All() {
		generated, err := d.Text()
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(root, "grafana/dashboards", name))
		require.NoError(t, err)
		require.Equal(t, string(generated), string(text), "go run ./services/dashboards grafana/dashboards writes %s anew", name)
	}
}

func TestTheFilesAndTheirAddressesAreThoseThatLinksLeadTo(t *testing.T) {
	for name, d := range committed(t) {
		require.Equal(t, name, d.UID+".json")
		require.Len(t, d.Links, len(All())-1)
	}
}

// rules wraps expressions so that promtool can read them.
func rules(t *testing.T, expressions map[string]string) string {
	t.Helper()
	type rule struct {
		Record string            `yaml:"record"`
		Expr   string            `yaml:"expr"`
		Labels map[string]string `yaml:"labels"`
	}
	var all []rule
	for where, expr := range expressions {
		all = append(all, rule{"panel:query", expr, map[string]string{"where": where}})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": all}}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

func TestEveryExpressionIsPromQL(t *testing.T) {
	expressions := map[string]string{}
	for _, query := range queries(t) {
		if query.datasource == metrics {
			expressions[query.where] = filledIn(query.expr, ".+", "30m")
		}
	}
	promtool(t, "check", "rules", rules(t, expressions))
}

func TestThePrometheusConfigurationIsValidForAnyPrefix(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "prometheus/prometheus.yml"))
	require.NoError(t, err)
	rendered, err := stack.Render(string(text), map[string]string{
		"NET": "10.77.3", "API_TARGETS": stack.APITargets("10.77.3", 16),
	})
	require.NoError(t, err)
	texttest.Contains(t, rendered, "10.77.3.2:9100")
	texttest.Contains(t, rendered, "10.77.3.46:9100")
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(rendered), 0o600))
	promtool(t, "check", "config", "--syntax-only", file)
}

func promtool(t *testing.T, arguments ...string) {
	t.Helper()
	output, err := exec.Command("promtool", arguments...).CombinedOutput()
	require.NoError(t, err, "%s", output)
}

func TestEveryMetricOnADashboardIsExplained(t *testing.T) {
	var explained strings.Builder
	for _, page := range []string{"metrics.md", "observability.md"} {
		text, err := os.ReadFile(filepath.Join(root, "docs", page))
		require.NoError(t, err)
		explained.Write(text)
	}
	metric := regexp.MustCompile(`\b(?:shop|redis|nginx|node|process|go|prometheus|alertmanager|loki|otelcol|scrape)_\w+`)
	// A histogram is explained by its own name; what stands in quotes, and what is grouped by, are labels.
	series := regexp.MustCompile(`_(bucket|count|sum)$`)
	label := regexp.MustCompile(`"[^"]*"|\b(?:by|on) \([^)]*\)`)
	seen := map[string]bool{}
	for _, query := range queries(t) {
		for _, name := range metric.FindAllString(label.ReplaceAllString(query.expr, ""), -1) {
			seen[name] = true
			texttest.Contains(t, explained.String(), "`"+series.ReplaceAllString(name, "")+"`", query.where)
		}
	}
	require.Greater(t, len(seen), 100)
	for name, d := range committed(t) {
		require.FileExists(t, filepath.Join(root, "docs/pictures", d.UID+".png"))
		texttest.Contains(t, explained.String(), "](pictures/"+d.UID+".png)", name)
	}
}
