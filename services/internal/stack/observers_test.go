package stack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// inContainers has one of prometheus/'s start scripts render as it does in a
// container, and returns where the result lies.
func inContainers(t *testing.T, script string, settings map[string]string) string {
	t.Helper()
	root, err := Root()
	require.NoError(t, err)
	made := filepath.Join(t.TempDir(), "made")
	cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(root, "prometheus", script), "--version")
	cmd.Env = append(os.Environ(), "CONFIG_DIR="+made)
	for name, value := range settings {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, string(output))
	return made
}

// prepared is a stack with the directories and files of these services, none started.
func prepared(t *testing.T, settings map[string]string, services ...string) *Stack {
	t.Helper()
	s, err := New(t.Context(), Options{Services: services, Settings: settings})
	require.NoError(t, err)
	s.StopT(t)
	return s
}

func TestPrometheusReadsTheSameNativelyAndInContainers(t *testing.T) {
	t.Parallel()
	s := prepared(t, map[string]string{"RUNBOOK_URL": "https://shop.example/runbook"}, "prometheus")
	natively := filepath.Join(s.Dir(), "prometheus", "config")
	made := inContainers(t, "start-prometheus.sh", map[string]string{"NET": s.Net, "API_REPLICAS": "2", "RUNBOOK_URL": "https://shop.example/runbook"})
	files := func(dir string) (found []string) {
		for _, pattern := range []string{"*", "*/*"} {
			matches, err := filepath.Glob(filepath.Join(dir, pattern))
			require.NoError(t, err)
			for _, match := range matches {
				found = append(found, strings.TrimPrefix(match, dir))
			}
		}
		return found
	}
	require.Equal(t, files(natively), files(made))
	require.NotContains(t, files(made), "/tests")
	for _, file := range files(natively) {
		if filepath.Ext(file) == ".yml" {
			require.Equal(t, readFile(t, filepath.Join(natively, file)), readFile(t, filepath.Join(made, file)), file)
		}
	}
	output, err := exec.Command("promtool", "check", "config", filepath.Join(natively, "prometheus.yml")).CombinedOutput()
	require.NoError(t, err, string(output))
}

func TestPrometheusAsksTheSameReplicasNativelyAndInContainers(t *testing.T) {
	t.Parallel()
	root, err := Root()
	require.NoError(t, err)
	for _, n := range []int{2, 3, 16} {
		made := inContainers(t, "start-prometheus.sh", map[string]string{"NET": "127.9.9", "API_REPLICAS": fmt.Sprint(n)})
		natively, err := Render(readFile(t, filepath.Join(root, "prometheus", "prometheus.yml")),
			map[string]string{"NET": "127.9.9", "API_TARGETS": APITargets("127.9.9", n)})
		require.NoError(t, err)
		require.Equal(t, natively, readFile(t, filepath.Join(made, "prometheus.yml")))
		require.Equal(t, n, strings.Count(natively, ":9100"))
	}
}

func TestThePipelineOfTheLogsIsScrapedWhereItRuns(t *testing.T) {
	t.Parallel()
	for profiles, runs := range map[string]bool{"": false, "grafana,api-2": false, "grafana,logs,api-2": true, "catalogs": false} {
		made := inContainers(t, "start-prometheus.sh", map[string]string{"NET": "10.77.3", "COMPOSE_PROFILES": profiles})
		if !runs {
			require.NoFileExists(t, filepath.Join(made, "logs", "loki.yml"), profiles)
			continue
		}
		texttest.Contains(t, readFile(t, filepath.Join(made, "logs", "loki.yml")), "10.77.3.16:3100")
		texttest.Contains(t, readFile(t, filepath.Join(made, "logs", "collector.yml")), "10.77.3.17:")
		output, err := exec.Command("promtool", "check", "config", filepath.Join(made, "prometheus.yml")).CombinedOutput()
		require.NoError(t, err, string(output))
		texttest.NotContains(t, string(output), "WARNING")
	}
}

func TestAlertmanagerReadsTheSameNativelyAndInContainers(t *testing.T) {
	t.Parallel()
	for _, settings := range []map[string]string{
		{},
		{"SMTP_SMARTHOST": "mail.shop.example:587", "SMTP_USERNAME": "shop", "SMTP_PASSWORD": "a.b_c~d+e=f-g@h/i$j&k", "SMTP_REQUIRE_TLS": "true", "ALERT_EMAIL_TO": "ann@shop.example"},
	} {
		s := prepared(t, settings, "alertmanager", "mail")
		given := map[string]string{"SMTP_SMARTHOST": s.Net + ".20:1025"} // compose's default
		for _, name := range []string{"ALERT_EMAIL_TO", "ALERT_EMAIL_FROM", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_REQUIRE_TLS", "RUNBOOK_URL"} {
			given[name] = s.Setting(name)
		}
		for name, value := range settings {
			given[name] = value
		}
		given["NET"] = s.Net
		natively := filepath.Join(s.Dir(), "alertmanager", "config", "alertmanager.yml")
		made := filepath.Join(inContainers(t, "start-alertmanager.sh", given), "alertmanager.yml")
		require.Equal(t, readFile(t, natively), readFile(t, made))
		for _, file := range []string{natively, made} {
			info, err := os.Stat(file)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it may hold a password")
		}
		output, err := exec.Command("amtool", "check-config", natively).CombinedOutput()
		require.NoError(t, err, string(output))
		texttest.Contains(t, readFile(t, natively), given["SMTP_SMARTHOST"])
	}
}

func TestTheAPIDoesNotKnowThePasswordOfTheMailServer(t *testing.T) {
	t.Parallel()
	s := prepared(t, map[string]string{"SMTP_PASSWORD": "the-mail-servers-own"}, "api-1", "alertmanager")
	for _, p := range s.Processes() {
		require.NotContains(t, strings.Join(p.command.env, "\n"), "the-mail-servers-own", p.Name())
	}
}
