package stack

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Grafana itself is not to be had here, so only what it would be started with is
// looked at. These change the PATH, and so run alone.
func TestGrafanaIsStartedNativelyAsItIsInContainers(t *testing.T) {
	home := t.TempDir()
	for _, made := range []string{"bin", "public"} {
		require.NoError(t, os.Mkdir(filepath.Join(home, made), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(home, "bin", "grafana"), []byte("#!/bin/sh\n"), 0o755))
	t.Setenv("PATH", filepath.Join(home, "bin")+":"+os.Getenv("PATH"))
	path, absence := GrafanaProgram()
	require.Empty(t, absence)
	s := prepared(t, nil, "grafana")
	started := s.Process("grafana").command
	require.Equal(t, []string{path, "server", "--homepath", home}, started.argv)

	env := map[string]string{}
	for _, pair := range started.env {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	compose := readFile(t, filepath.Join(s.root, "docker-compose.yml"))
	settings := regexp.MustCompile(`(?m)^ +(GF_[A-Z_]+): (.+)$`).FindAllStringSubmatch(compose, -1)
	require.NotEmpty(t, settings)
	for _, setting := range settings {
		want := strings.Trim(setting[2], `"`)
		want = strings.Replace(want, "/etc/evergreen", s.files, 1)
		require.Equal(t, want, env[setting[1]], setting[1])
	}
	require.Equal(t, []string{s.Net + ".12", "3000", s.Net}, []string{env["GF_SERVER_HTTP_ADDR"], env["GF_SERVER_HTTP_PORT"], env["NET"]})
	require.FileExists(t, env["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
	require.FileExists(t, filepath.Join(env["GF_PATHS_PROVISIONING"], "datasources", "prometheus.yaml"))
	require.NoFileExists(t, filepath.Join(env["GF_PATHS_PROVISIONING"], "datasources", "loki.yaml"), "Loki runs in containers only")
	require.DirExists(t, env["GRAFANA_DASHBOARDS"])
}

func TestWithoutGrafanaOneLineSaysHowToGetIt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	path, absence := GrafanaProgram()
	require.Empty(t, path)
	require.Contains(t, absence, "not on this machine")
	require.Contains(t, absence, "https://grafana.com/grafana/download")
	require.NotContains(t, absence, "\n")
}
