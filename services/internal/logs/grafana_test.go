package logs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"evergreen/services/internal/stack"
)

// What Grafana takes for a request's id in a line is one, in the lines of both services that name it.
func TestGrafanaFindsTheRequestInALineAndLeadsToADashboard(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "grafana/provisioning/datasources/loki.yaml"))
	require.NoError(t, err)
	var file struct {
		Datasources []struct {
			UID, Type, URL string
			JSONData       struct {
				DerivedFields []struct {
					Name, URL    string
					MatcherRegex string `yaml:"matcherRegex"`
				} `yaml:"derivedFields"`
			} `yaml:"jsonData"`
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	require.Len(t, file.Datasources, 1)
	loki := file.Datasources[0]
	require.Equal(t, []string{"loki", "loki", "http://${NET}.16:3100"}, []string{loki.UID, loki.Type, loki.URL})
	require.Len(t, loki.JSONData.DerivedFields, 1)
	field := loki.JSONData.DerivedFields[0]
	for line, want := range map[string]string{
		apiLine(1, "0198a9a2-0000-7000-8000-000000000000"):                                         "0198a9a2-0000-7000-8000-000000000000",
		`{"time":"2026-11-22T07:18:02.015Z","service":"nginx-a","request_id":"9f7c","status":200}`: "9f7c",
	} {
		found := regexp.MustCompile(field.MatcherRegex).FindStringSubmatch(line)
		require.Len(t, found, 2)
		require.Equal(t, want, found[1])
	}
	// Two dollars, or Grafana would look for it in its environment.
	require.Contains(t, field.URL, "?var-request=$${__value.raw}")
	dashboard := regexp.MustCompile(`^/d/([a-z-]+)\?`).FindStringSubmatch(field.URL)
	require.Len(t, dashboard, 2)
	require.FileExists(t, filepath.Join(root, "grafana/dashboards", dashboard[1]+".json"))
}
