package stack

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// prepare renders what a service reads, makes its directory and says how it is
// started. Redis and Sentinel render their own files in their start scripts,
// because they do so in containers too.
func (s *Stack) prepare(svc service) (command, error) {
	dir := filepath.Join(s.dir, svc.name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return command{}, err
	}
	switch svc.kind {
	case kindRedis:
		return s.script(svc, dir, "start-redis.sh"), nil
	case kindSentinel:
		return s.script(svc, dir, "start-sentinel.sh"), nil
	case kindAPI:
		return s.api(svc, dir), nil
	case kindNginx:
		return s.nginx(svc, dir)
	case kindBackup:
		return s.backup(svc, dir), nil
	}
	return s.observer(svc, dir)
}

// script runs one of redis/'s start scripts with the settings it documents.
func (s *Stack) script(svc service, dir, name string) command {
	settings := map[string]string{
		"NODE_ADDRESS":   svc.ip(s.Net),
		"REDIS_NODES":    strings.Join(addresses(s.Net, kindRedis, service.ip), ","),
		"REDIS_SENTINEL": strings.Join(s.Sentinels(), ","),
		"DATA_DIR":       dir,
	}
	own := []string{
		"REDIS_MASTER_NAME", "REDIS_API_PASSWORD", "REDIS_EXPORTER_PASSWORD", "REDIS_SENTINEL_PASSWORD", "REDIS_BOOT_PASSWORD",
		"REDIS_ADMIN_USER", "REDIS_ADMIN_PASSWORD",
	}
	if svc.kind == kindRedis {
		own = append(own, "REDIS_MAXMEMORY", "REDIS_REPLICATION_PASSWORD", "REDIS_BACKUP_PASSWORD")
	} else {
		own = append(own, "SENTINEL_DOWN_AFTER_MS")
	}
	for _, name := range s.withSeconds(own) {
		settings[name] = s.Setting(name)
	}
	return command{argv: []string{"sh", filepath.Join(s.files, "redis", name)}, env: s.environment(settings), dir: dir}
}

// api runs in a directory without an .env, so that this environment is all of it:
// of the secrets, those that are the API's own.
func (s *Stack) api(svc service, dir string) command {
	settings := map[string]string{
		"HOST":            svc.ip(s.Net),
		"PORT":            strconv.Itoa(svc.port),
		"METRICS_PORT":    strconv.Itoa(svc.statusPort),
		"REPLICA_NAME":    svc.name,
		"REDIS_SENTINEL":  strings.Join(s.Sentinels(), ","),
		"REDIS_USER":      "api",
		"REDIS_PASSWORD":  s.Setting("REDIS_API_PASSWORD"),
		"TRUSTED_PROXIES": fmt.Sprintf("%s.%d", s.Net, edgeHost),
		// As many as there are here; the one in .env is for containers.
		"API_REPLICAS": strconv.Itoa(len(servicesOf(kindAPI))),
	}
	for name, value := range s.settings {
		if _, set := settings[name]; !set && !isOthersSecret(name) {
			settings[name] = value
		}
	}
	program := cmp.Or(s.apiBinaries[svc.name], s.apiBinary)
	return command{argv: []string{program}, env: s.environment(settings), dir: dir}
}

func (s *Stack) nginx(svc service, dir string) (command, error) {
	config, running := filepath.Join(dir, "config"), filepath.Join(dir, "run")
	for _, made := range []string{s.nginxLogs(svc), running} {
		if err := os.MkdirAll(made, 0o700); err != nil {
			return command{}, err
		}
	}
	if err := rotate(filepath.Join(s.nginxLogs(svc), "access.log")); err != nil {
		return command{}, err
	}
	if err := s.renderNginx(svc, dir, config); err != nil {
		return command{}, err
	}
	return command{argv: nginxCommand(running, config), env: s.environment(nil), dir: running}, nil
}

func (s *Stack) nginxLogs(svc service) string { return filepath.Join(s.dir, "logs", svc.name) }

func nginxCommand(running, config string) []string {
	return []string{"nginx", "-e", "stderr", "-p", running, "-c", filepath.Join(config, "nginx.conf"), "-g", "daemon off;"}
}

// renderNginx renders the configuration of an nginx whose own directory is dir.
func (s *Stack) renderNginx(svc service, dir, config string) error {
	perSecond, err := strconv.Atoi(s.Setting("RATE_EDGE_PER_SECOND"))
	if err != nil {
		return fmt.Errorf("RATE_EDGE_PER_SECOND: %w", err)
	}
	listen := ""
	if s.alsoListen != "" {
		listen = "listen " + s.alsoListen + " reuseport;"
	}
	servers, backups := APIServers(s.Net, len(servicesOf(kindAPI)))
	settings := map[string]string{
		"NET":              s.Net,
		"API_SERVERS":      servers,
		"API_BACKUPS":      backups,
		"NGINX_NAME":       svc.name,
		"STATUS_PORT":      strconv.Itoa(svc.statusPort),
		"EXTRA_LISTEN":     listen,
		"NGINX_RUN_DIR":    filepath.Join(dir, "run"),
		"NGINX_LOG_DIR":    s.nginxLogs(svc),
		"NGINX_USER":       whoami(),
		"EDGE_CONNECTIONS": s.Setting("EDGE_CONNECTIONS"),
	}
	maps.Copy(settings, EdgeRates(perSecond))
	return renderDir(filepath.Join(s.files, "nginx"), config, settings)
}

// environment is what a child gets: what it needs and nothing of ours besides.
func (s *Stack) environment(settings map[string]string) []string {
	path := os.Getenv("PATH")
	// Debian keeps servers where an ordinary user's PATH may not look.
	env := []string{"PATH=" + path + ":/usr/sbin:/sbin", "HOME=" + s.dir, "LC_ALL=C"}
	for name, value := range settings {
		env = append(env, name+"="+value)
	}
	return env
}

// whoami is who nginx's workers run as: who its master runs as, since all of the
// stack's files are that user's alone.
func whoami() string {
	if me, err := user.Current(); err == nil {
		return me.Username
	}
	return "nobody"
}

// readiness is the condition for svc and the longest time it may take: Redis may
// have to load its data, a Sentinel to be told of the replicas.
func (s *Stack) readiness(svc service) (func(context.Context) error, time.Duration) {
	switch svc.kind {
	case kindRedis:
		return func(ctx context.Context) error { return s.redisReady(ctx, svc) }, 2 * time.Minute
	case kindSentinel:
		return func(ctx context.Context) error { return s.sentinelReady(ctx, svc) }, time.Minute
	case kindAPI:
		return s.answers(svc, "/readyz"), 30 * time.Second
	case kindNginx:
		return s.answers(svc, "/healthz"), 15 * time.Second
	case kindPrometheus, kindAlertmanager:
		return s.answers(svc, "/-/ready"), time.Minute
	case kindMail:
		return func(ctx context.Context) error { return greets(ctx, svc.address(s.Net)) }, 15 * time.Second
	case kindGrafana:
		// It makes its database first.
		return s.answers(svc, "/api/health"), 2 * time.Minute
	case kindBackup:
		return s.answers(svc, "/livez"), 15 * time.Second
	}
	return s.answers(svc, "/"), 15 * time.Second
}

func (s *Stack) answers(svc service, path string) func(context.Context) error {
	url := "http://" + svc.statusAddress(s.Net) + path
	return func(ctx context.Context) error { return answers200(ctx, url) }
}
