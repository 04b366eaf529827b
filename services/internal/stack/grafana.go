package stack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const grafanaName = "grafana"

// GrafanaProgram finds Grafana's program, or says that it is not on this machine and
// how to get it. Debian has no package of it, so nothing here installs it.
func GrafanaProgram() (path, absence string) {
	path, err := exec.LookPath(grafanaName)
	if err != nil {
		return "", "not on this machine, so no dashboards here; install Grafana (https://grafana.com/grafana/download) and start again, or use docker compose"
	}
	return path, ""
}

// grafana shows the dashboards to whoever can reach it: nobody can log in or change
// anything, as in containers.
func (s *Stack) grafana(svc service, dir string) (command, error) {
	path, absence := GrafanaProgram()
	if absence != "" {
		return command{}, fmt.Errorf("grafana is %s", absence)
	}
	provisioning := filepath.Join(dir, "provisioning")
	if err := os.RemoveAll(provisioning); err != nil {
		return command{}, err
	}
	if err := os.CopyFS(provisioning, os.DirFS(filepath.Join(s.files, "grafana", "provisioning"))); err != nil {
		return command{}, err
	}
	// Loki runs in containers only.
	if err := os.RemoveAll(filepath.Join(provisioning, "datasources", "loki.yaml")); err != nil {
		return command{}, err
	}
	dashboards := filepath.Join(s.files, "grafana", "dashboards")
	return command{
		argv: []string{path, "server", "--homepath", grafanaHome(path)},
		env: s.environment(map[string]string{
			"NET": s.Net, "GRAFANA_DASHBOARDS": dashboards,
			"GF_SERVER_HTTP_ADDR":                        svc.ip(s.Net),
			"GF_SERVER_HTTP_PORT":                        fmt.Sprint(svc.port),
			"GF_PATHS_DATA":                              filepath.Join(dir, "data"),
			"GF_PATHS_LOGS":                              filepath.Join(dir, "data", "log"),
			"GF_PATHS_PLUGINS":                           filepath.Join(dir, "data", "plugins"),
			"GF_PATHS_PROVISIONING":                      provisioning,
			"GF_LOG_MODE":                                "console",
			"GF_AUTH_ANONYMOUS_ENABLED":                  "true",
			"GF_AUTH_ANONYMOUS_ORG_ROLE":                 "Viewer",
			"GF_AUTH_DISABLE_LOGIN_FORM":                 "true",
			"GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
			"GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH":  filepath.Join(dashboards, "shop.json"),
			"GF_ANALYTICS_REPORTING_ENABLED":             "false",
			"GF_ANALYTICS_CHECK_FOR_UPDATES":             "false",
			"GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES":      "false",
			"GF_PLUGINS_PREINSTALL_DISABLED":             "true",
			"GOMEMLIMIT":                                 "400MiB",
		}),
		dir: dir,
	}, nil
}

// grafanaHome is where its pages lie: beside the program in its archive, else where
// its packages put them.
func grafanaHome(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		home := filepath.Dir(filepath.Dir(resolved))
		if _, err := os.Stat(filepath.Join(home, "public")); err == nil {
			return home
		}
	}
	return "/usr/share/grafana"
}
