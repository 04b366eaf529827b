package dashboards

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/npmtest"
	"evergreen/services/internal/texttest"
)

// checker gives the folder of the program that holds dashboards against Grafana's types, and installs what it needs
// first, at the locked versions, unless that was done since the lock file changed.
func checker(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(root, "grafana/schema")
	npmtest.Install(t, dir)
	return dir
}

func TestTheDashboardsFitTheTypesThatGrafanaPublishes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "grafana/dashboards/*.json"))
	require.NoError(t, err)
	for i := range files {
		files[i], err = filepath.Abs(files[i])
		require.NoError(t, err)
	}
	command := exec.CommandContext(t.Context(), "node", append([]string{"check.mjs"}, files...)...)
	command.Dir = checker(t)
	said, err := command.CombinedOutput()
	require.NoError(t, err, "%s", said)
	texttest.Contains(t, string(said), "schema: 4 dashboards, 0 complaints")
}

func TestTheTypesFindWhatGrafanaWouldNotUnderstand(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "grafana/dashboards/shop.json"))
	require.NoError(t, err)
	var d Dashboard
	require.NoError(t, json.Unmarshal(text, &d))
	d.Panels[0].Options["graphMode"] = "bogus"
	delete(d.Panels[1].Options, "textMode")
	d.Panels[2].FieldConfig.Defaults.Color["modus"] = "thresholds"
	d.Templating.List[1].Type = "question"
	broken, err := d.Text()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "broken.json")
	require.NoError(t, os.WriteFile(file, broken, 0o600))

	command := exec.CommandContext(t.Context(), "node", "check.mjs", file)
	command.Dir = checker(t)
	said, err := command.CombinedOutput()
	require.Error(t, err)
	for _, wrong := range []string{"graphMode", "textMode", "modus", "question", "4 complaints"} {
		texttest.Contains(t, string(said), wrong)
	}
}
