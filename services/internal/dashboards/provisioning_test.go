package dashboards

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestTheProvisioningPointsAtTheFilesThatThereAre(t *testing.T) {
	var sources struct {
		Datasources []struct {
			UID, URL, Type string
			IsDefault      bool `yaml:"isDefault"`
		}
	}
	unmarshal(t, "grafana/provisioning/datasources/prometheus.yaml", &sources)
	require.Equal(t, "prometheus", sources.Datasources[0].UID)
	require.Equal(t, "prometheus", sources.Datasources[0].Type)
	require.Equal(t, "http://${NET}.11:9090", sources.Datasources[0].URL)
	require.True(t, sources.Datasources[0].IsDefault)

	var providers struct {
		Providers []struct {
			Folder  string
			Options struct{ Path string }
		}
	}
	unmarshal(t, "grafana/provisioning/dashboards/shop.yaml", &providers)
	require.Equal(t, "Evergreen Stores", providers.Providers[0].Folder)
	require.Equal(t, "${GRAFANA_DASHBOARDS}", providers.Providers[0].Options.Path)
	compose, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	require.NoError(t, err)
	for _, setting := range []string{
		"GRAFANA_DASHBOARDS: /etc/evergreen/grafana/dashboards\n", "./grafana/dashboards:/etc/evergreen/grafana/dashboards:ro",
		"GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: /etc/evergreen/grafana/dashboards/shop.json\n",
		"GF_AUTH_ANONYMOUS_ENABLED: \"true\"\n", "GF_AUTH_ANONYMOUS_ORG_ROLE: Viewer\n",
	} {
		require.Equal(t, 1, strings.Count(string(compose), setting), setting)
	}
}

func TestAnExemplarLeadsToTheLogLinesOfItsRequest(t *testing.T) {
	var sources struct {
		Datasources []struct {
			JSONData struct {
				Destinations []struct{ Name, URL string } `yaml:"exemplarTraceIdDestinations"`
			} `yaml:"jsonData"`
		}
	}
	unmarshal(t, "grafana/provisioning/datasources/prometheus.yaml", &sources)
	require.Len(t, sources.Datasources[0].JSONData.Destinations, 1)
	to := sources.Datasources[0].JSONData.Destinations[0]
	require.Equal(t, "request_id", to.Name)

	// Provisioning takes one dollar of two away; Grafana then puts the exemplar's value in.
	link, err := url.Parse(strings.NewReplacer("$${__value.raw}", "0123abc", "$${__url_time_range}", "from=now-30m&to=now").Replace(to.URL))
	require.NoError(t, err)
	d := committed(t)["edge-api.json"]
	require.Equal(t, "/d/"+d.UID, link.Path)
	require.Equal(t, url.Values{"var-request": {"0123abc"}, "from": {"now-30m"}, "to": {"now"}}, link.Query())
	for _, p := range d.Panels {
		if p.Type == "logs" {
			require.Contains(t, p.Targets[0].Expr, "$request")
			return
		}
	}
	require.Fail(t, "no panel shows log lines")
}

func unmarshal(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into))
}
