package dashboards

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"evergreen/services/internal/stack"
)

// root is the repository, seen from this package.
const root = "../../.."

// dashboard is as much of Grafana's model as is looked at here.
type dashboard struct {
	UID, Title string
	Panels     []panel
}

type panel struct {
	ID                 int
	Title, Description string
	GridPos            struct{ X, Y, W, H int }
	FieldConfig        struct{ Defaults struct{ Unit string } }
	Datasource         struct{ UID string }
	Targets            []struct{ Expr string }
}

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "grafana/dashboards/*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	found := map[string]dashboard{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var d dashboard
		require.NoError(t, json.Unmarshal(text, &d), file)
		found[filepath.Base(file)] = d
	}
	return found
}

func TestEveryPanelSaysWhatItShowsAndWhatIsNormal(t *testing.T) {
	for name, d := range dashboards(t) {
		require.NotEmpty(t, d.UID, name)
		ids := map[int]bool{}
		for i, p := range d.Panels {
			require.False(t, ids[p.ID], "%s: two panels are %d", name, p.ID)
			ids[p.ID] = true
			require.NotEmpty(t, p.Title)
			require.NotEmpty(t, p.Description, p.Title)
			require.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
			require.Equal(t, "prometheus", p.Datasource.UID, p.Title)
			require.NotEmpty(t, p.Targets, p.Title)
			for _, other := range d.Panels[:i] {
				require.False(t, overlap(p, other), "%s lies on %s", p.Title, other.Title)
			}
		}
	}
}

func overlap(a, b panel) bool {
	return a.GridPos.X < b.GridPos.X+b.GridPos.W && b.GridPos.X < a.GridPos.X+a.GridPos.W &&
		a.GridPos.Y < b.GridPos.Y+b.GridPos.H && b.GridPos.Y < a.GridPos.Y+a.GridPos.H
}

// expressions are those of all panels, with Grafana's own variables replaced.
func expressions(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all = append(all, strings.ReplaceAll(target.Expr, "$__rate_interval", "1m"))
			}
		}
	}
	return all
}

func TestEveryMetricThatAPanelAsksForIsMadeByTheAPI(t *testing.T) {
	var source strings.Builder
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "services"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		source.WriteString(string(text))
		return err
	}))
	if strings.Contains(source.String(), `version.NewCollector("shop")`) {
		source.WriteString(`"shop_build_info"`) // The collector makes the name.
	}
	suffix := regexp.MustCompile(`_(bucket|count|sum)$`)
	for _, expr := range expressions(t) {
		for _, metric := range regexp.MustCompile(`\bshop_[a-z_]+`).FindAllString(expr, -1) {
			quoted := fmt.Sprintf("%q", suffix.ReplaceAllString(metric, ""))
			made := strings.Contains(source.String(), quoted)
			require.True(t, made, "nothing makes %s, which %s asks for", metric, expr)
		}
	}
}

func TestEveryExpressionIsPromQL(t *testing.T) {
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var rules []rule
	for i, expr := range expressions(t) {
		rules = append(rules, rule{fmt.Sprintf("panel:%d", i), expr})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": rules}}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	promtool(t, "check", "rules", file)
}

func TestThePrometheusConfigurationIsValidForAnyPrefix(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "prometheus/prometheus.yml"))
	require.NoError(t, err)
	rendered, err := stack.Render(string(text), map[string]string{
		"NET": "10.77.3", "API_TARGETS": stack.APITargets("10.77.3", 16),
	})
	require.NoError(t, err)
	require.Contains(t, rendered, "10.77.3.2:9100")
	require.Contains(t, rendered, "10.77.3.46:9100")
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(rendered), 0o600))
	promtool(t, "check", "config", file)
}

func promtool(t *testing.T, arguments ...string) {
	t.Helper()
	output, err := exec.Command("promtool", arguments...).CombinedOutput()
	require.NoError(t, err, "%s", output)
}

func TestTheProvisioningIsYAMLThatPointsAtTheFilesThatThereAre(t *testing.T) {
	var sources struct {
		Datasources []struct{ UID, URL string }
	}
	unmarshal(t, "grafana/provisioning/datasources/prometheus.yaml", &sources)
	require.Equal(t, "prometheus", sources.Datasources[0].UID)
	require.Equal(t, "http://${NET}.11:9090", sources.Datasources[0].URL)

	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	unmarshal(t, "grafana/provisioning/dashboards/shop.yaml", &providers)
	compose, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	require.NoError(t, err)
	require.Contains(t, string(compose), "./grafana/dashboards:"+providers.Providers[0].Options.Path+":ro")
}

func unmarshal(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into))
}
