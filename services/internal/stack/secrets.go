package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A secret of .env that is being replaced stands there twice: under NAME is the one that programs log in with, and under NAME
// and one of these endings the other one that servers accept, too.
const (
	NextEnding   = "_NEXT"
	BeforeEnding = "_BEFORE"
)

// rereadsPath is the file in which a supervisor that reads the secrets at each start of a service keeps its process id.
func rereadsPath(dir string) string { return filepath.Join(dir, "run", "rereads-secrets") }

// NewSecret is a random secret.
func NewSecret() string { return randomSecret() }

// isRedisSecret tells a secret of a Redis user, also one that is being replaced.
func isRedisSecret(name string) bool {
	base := strings.TrimSuffix(strings.TrimSuffix(name, NextEnding), BeforeEnding)
	return strings.HasPrefix(base, "REDIS_") && isSecret(base)
}

// withSecrets are settings of a start with the Redis users' secrets as they are now.
func withSecrets(settings, now map[string]string) map[string]string {
	mixed := maps.Clone(settings)
	maps.DeleteFunc(mixed, func(name, _ string) bool { return isRedisSecret(name) })
	for name, value := range now {
		if isRedisSecret(name) {
			mixed[name] = value
		}
	}
	return mixed
}

// withSeconds adds the secrets that are being replaced to those of a start script.
func (s *Stack) withSeconds(names []string) []string {
	all := slices.Clone(names)
	for _, name := range names {
		for _, ending := range []string{NextEnding, BeforeEnding} {
			if s.Setting(name+ending) != "" {
				all = append(all, name+ending)
			}
		}
	}
	return all
}

// environmentNow gives a service's environment with the secrets as they are now, and nil for a service without any.
func (s *Stack) environmentNow(svc service) ([]string, error) {
	read, err := s.reread()
	if err != nil {
		return nil, fmt.Errorf("reading the secrets again: %w", err)
	}
	now := &Stack{Net: s.Net, dir: s.dir, files: s.files, settings: withSecrets(s.settings, read)}
	dir := filepath.Join(s.dir, svc.name)
	switch svc.kind {
	case kindRedis:
		return now.script(svc, dir, "start-redis.sh").env, nil
	case kindSentinel:
		return now.script(svc, dir, "start-sentinel.sh").env, nil
	case kindAPI:
		return now.api(svc, dir).env, nil
	case kindRedisExporter:
		return now.redisExporter("", dir).env, nil
	case kindBackup:
		return now.backup(svc, dir).env, nil
	}
	return nil, nil
}

// rereadSecrets has every later start of a service read the secrets again, and tells other processes so.
func (s *Stack) rereadSecrets() error {
	if s.reread == nil {
		return nil
	}
	for _, p := range s.processes {
		p.environment = func() ([]string, error) { return s.environmentNow(p.service) }
	}
	return os.WriteFile(rereadsPath(s.dir), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
}

// learnSecrets has the stack itself log in with the secrets as they are now. No service may start any more.
func (s *Stack) learnSecrets() {
	if s.reread == nil {
		return
	}
	if now, err := s.reread(); err == nil {
		s.settings = withSecrets(s.settings, now)
	}
}

// RereadsSecrets says whether the supervisor reads .env again at each start of a service. That of an earlier version does not.
func (r *Running) RereadsSecrets() bool { return readPID(rereadsPath(r.s.dir)) == r.supervisor }

// Adopt has the handle go on with the Redis users' secrets of these settings.
func (r *Running) Adopt(settings map[string]string) {
	r.s.settings = withSecrets(r.s.settings, settings)
}

// Order sends one command to a Redis node or a Sentinel, as the operator.
func (r *Running) Order(ctx context.Context, name string, command ...string) (string, error) {
	return ask(ctx, serviceNamed(name).address(r.s.Net), r.s.operator(), command...)
}

// ChangeEnv replaces values in root's .env, adds those that it lacks at the end, and removes the lines of those that are empty.
// It replaces the file as a whole: after a crash .env is the old one or the new one.
func ChangeEnv(root string, values map[string]string) error {
	path, err := filepath.EvalSymlinks(filepath.Join(root, ".env"))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return replaceFile(path, changedLines(string(text), values))
}

func changedLines(text string, values map[string]string) string {
	var lines []string
	there := map[string]bool{}
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		value, changes := values[name]
		switch {
		case !changes:
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		case value != "" && !there[name]:
			lines = append(lines, name+"="+value)
		}
		there[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if values[name] != "" && !there[name] {
			lines = append(lines, name+"="+values[name])
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// replaceFile puts a text in the place of a file, with its mode, so that a loss of power leaves one of both.
func replaceFile(path, text string) (err error) {
	before, err := os.Stat(path)
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), ".env.new-")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.WriteString(text)
	if err = errors.Join(err, draft.Chmod(before.Mode().Perm()), draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
