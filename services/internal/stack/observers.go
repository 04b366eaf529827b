package stack

import (
	"os"
	"os/exec"
	"path/filepath"
)

// Memory that the small ones keep to, as far as Go can: natively nothing else bounds
// them. Each answers one question every few seconds.
func frugal(memory string) map[string]string {
	return map[string]string{"GOMEMLIMIT": memory, "GOMAXPROCS": "1"}
}

// observer says how one of those is started that look on.
func (s *Stack) observer(svc service, dir string) (command, error) {
	listen := "--web.listen-address=" + svc.address(s.Net)
	switch svc.kind {
	case kindPrometheus:
		return s.prometheus(svc, dir)
	case kindAlertmanager:
		return s.alertmanager(svc, dir)
	case kindRedisExporter:
		return s.redisExporter(listen, dir), nil
	case kindNginxExporter:
		return s.nginxExporter(svc, listen, dir), nil
	case kindNodeExporter:
		argv := []string{"sh", filepath.Join(s.files, "prometheus", "start-node-exporter.sh"), listen}
		return command{argv: argv, env: s.environment(frugal("24MiB")), dir: dir}, nil
	case kindMail:
		argv := []string{s.mailBinary, "mail", svc.address(s.Net), dir}
		return command{argv: argv, env: s.environment(frugal("24MiB")), dir: dir}, nil
	}
	return s.grafana(svc, dir)
}

// redisExporter has no instance of its own: Prometheus names in its question whom to
// ask. It does without CONFIG, to which its user has no right.
func (s *Stack) redisExporter(listen, dir string) command {
	env := frugal("24MiB")
	env["REDIS_USER"], env["REDIS_PASSWORD"] = "exporter", s.Setting("REDIS_EXPORTER_PASSWORD")
	return command{
		argv: []string{
			program("redis_exporter", "prometheus-redis-exporter"),
			// Shorter than a scrape: of a node that is frozen it says that it is not up.
			"--redis.addr=", "--config-command=-", "--connection-timeout=3s", listen,
		},
		env: s.environment(env),
		dir: dir,
	}
}

// nginxExporter asks the nginx of the same letter, on the port that is its own.
func (s *Stack) nginxExporter(svc service, listen, dir string) command {
	nginx := serviceNamed("nginx-" + svc.name[len(svc.name)-1:])
	return command{
		argv: []string{
			program("nginx-prometheus-exporter", "prometheus-nginx-exporter"),
			"--nginx.scrape-uri=http://" + nginx.statusAddress(s.Net) + "/stub_status", listen,
		},
		env: s.environment(frugal("18MiB")),
		dir: dir,
	}
}

func (s *Stack) alertmanager(svc service, dir string) (command, error) {
	config := filepath.Join(dir, "config")
	if err := s.renderAlertmanager(config); err != nil {
		return command{}, err
	}
	return command{
		argv: []string{
			program("alertmanager", "prometheus-alertmanager"),
			"--config.file=" + filepath.Join(config, "alertmanager.yml"),
			"--storage.path=" + filepath.Join(dir, "data"),
			// Longer than the longest repeat_interval: else it would forget what it has sent.
			"--data.retention=240h",
			// There is one: nobody to gossip with.
			"--cluster.listen-address=",
			"--web.listen-address=" + svc.address(s.Net),
			"--web.external-url=http://" + svc.address(s.Net) + "/",
		},
		env: s.environment(frugal("80MiB")),
		dir: dir,
	}, nil
}

// program is the first of these that is here, the name that its authors use or
// Debian's; where none is, the error at its start names the last.
func program(names ...string) string {
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			return name
		}
	}
	return names[len(names)-1]
}

// prometheus reads its configuration and the rules. Their tests lie beside them and
// are none of the server's business; nor are the logs' targets, for the pipeline of
// the logs runs in containers only.
func (s *Stack) prometheus(svc service, dir string) (command, error) {
	config := filepath.Join(dir, "config")
	// A rule that an earlier version had would be evaluated for ever.
	if err := os.RemoveAll(config); err != nil {
		return command{}, err
	}
	if err := s.renderPrometheus(config); err != nil {
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
			// Where the links in mails lead.
			"--web.external-url=http://" + svc.address(s.Net) + "/",
		},
		env: s.environment(nil),
		dir: dir,
	}, nil
}

func (s *Stack) renderPrometheus(config string) error {
	// Prometheus watches it for targets, be there any or not.
	if err := os.MkdirAll(filepath.Join(config, "logs"), 0o700); err != nil {
		return err
	}
	return renderFiles(filepath.Join(s.files, "prometheus"), config, s.observation(), "prometheus.yml", "rules/*.yml")
}

func (s *Stack) renderAlertmanager(config string) error {
	return renderFiles(filepath.Join(s.files, "prometheus"), config, s.observation(), "alertmanager.yml")
}

// observation is what the files in prometheus/ leave open.
func (s *Stack) observation() map[string]string {
	smarthost := s.Setting("SMTP_SMARTHOST")
	if smarthost == "" {
		smarthost = serviceNamed("mail").address(s.Net)
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
