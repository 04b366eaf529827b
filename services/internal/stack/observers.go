package stack

import (
	"fmt"
	"os"
	"path/filepath"
)

// prometheus reads its configuration and the rules. Their tests lie beside them and
// are none of the server's business; nor are the logs' targets, for the pipeline of
// the logs runs in containers only.
func (s *Stack) prometheus(svc service, dir string) (command, error) {
	config := filepath.Join(dir, "config")
	// A rule that an earlier version had would be evaluated for ever.
	if err := os.RemoveAll(config); err != nil {
		return command{}, err
	}
	values := s.observation()
	if err := renderFiles(filepath.Join(s.files, "prometheus"), config, values, "prometheus.yml", "rules/*.yml"); err != nil {
		return command{}, err
	}
	return command{
		argv: []string{
			"prometheus",
			"--config.file=" + filepath.Join(config, "prometheus.yml"),
			"--storage.tsdb.path=" + filepath.Join(dir, "data"),
			// The error budget is that of 30 days.
			"--storage.tsdb.retention.time=31d",
			"--storage.tsdb.retention.size=4GB",
			// Prometheus keeps exemplars only when it is told to.
			"--enable-feature=exemplar-storage",
			"--web.listen-address=" + svc.address(s.Net),
		},
		env: s.environment(nil),
		dir: dir,
	}, nil
}

// observation is what the files in prometheus/ leave open.
func (s *Stack) observation() map[string]string {
	smarthost := s.Setting("SMTP_SMARTHOST")
	if smarthost == "" {
		smarthost = fmt.Sprintf("%s.20:1025", s.Net)
	}
	values := map[string]string{
		"NET": s.Net, "API_TARGETS": APITargets(s.Net, len(servicesOf(kindAPI))), "SMTP_SMARTHOST": smarthost,
	}
	for _, name := range []string{
		"RUNBOOK_URL", "ALERT_EMAIL_TO", "ALERT_EMAIL_FROM", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_REQUIRE_TLS",
	} {
		values[name] = s.Setting(name)
	}
	return values
}
