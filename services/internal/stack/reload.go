package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// reloadWithin is how long a server may take to read its configuration again.
const reloadWithin = 15 * time.Second

// Reload has nginx, Prometheus or Alertmanager read its configuration again if that has changed, or if force is set, and says
// whether it did. A configuration that the server does not take is put away, and the one before stays in force. For leave before
// that, each answer of an nginx ends its connection, so that no client sends on one that is just being closed.
func (r *Running) Reload(ctx context.Context, name string, force bool, leave time.Duration) (bool, error) {
	svc, dir := serviceNamed(name), filepath.Join(r.s.dir, name)
	config, next := filepath.Join(dir, "config"), filepath.Join(dir, "config.next")
	if err := os.RemoveAll(next); err != nil {
		return false, err
	}
	defer os.RemoveAll(next)
	if err := r.render(svc, dir, next); err != nil {
		return false, err
	}
	if same, err := sameFiles(config, next); err != nil || same && !force {
		return false, err
	}
	if err := exchange(config, next); err != nil {
		return false, err
	}
	if err := r.reread(ctx, svc, dir, leave); err != nil {
		// The server still has the one before; a later start has to find that, too.
		return false, errors.Join(fmt.Errorf("%s does not take its new configuration: %w", name, err), exchange(config, next))
	}
	return true, nil
}

// render writes what a service reads into a directory of its own.
func (r *Running) render(svc service, dir, config string) error {
	switch svc.kind {
	case kindNginx:
		return r.s.renderNginx(svc, dir, config)
	case kindPrometheus:
		return r.s.renderPrometheus(config)
	case kindAlertmanager:
		return r.s.renderAlertmanager(config)
	}
	return fmt.Errorf("%s reads no configuration again while it runs", svc.name)
}

// exchange swaps two directories in one step: each name is there at every moment.
func exchange(one, other string) error {
	return unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE)
}

// sameFiles compares all files below two directories.
func sameFiles(one, other string) (bool, error) {
	a, err := contents(one)
	if err != nil {
		return false, err
	}
	b, err := contents(other)
	return err == nil && bytes.Equal(a, b), err
}

// contents strings all files below a directory together, each after its name.
func contents(dir string) (all []byte, err error) {
	err = fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		all = fmt.Appendf(all, "%s %d\n%s", path, len(text), text)
		return err
	})
	return all, err
}

func (r *Running) reread(ctx context.Context, svc service, dir string, leave time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, reloadWithin+leave)
	defer cancel()
	if svc.kind == kindNginx {
		return r.rereadNginx(ctx, svc, dir, leave)
	}
	hungUp := time.Now()
	if err := unix.Kill(r.PID(svc.name), unix.SIGHUP); err != nil {
		return err
	}
	return await(ctx, func(ctx context.Context) error { return r.hasReread(ctx, svc, hungUp) })
}

// rereadNginx has nginx itself check the configuration first.
func (r *Running) rereadNginx(ctx context.Context, svc service, dir string, leave time.Duration) error {
	running, master := filepath.Join(dir, "run"), r.PID(svc.name)
	check := nginxCommand(running, filepath.Join(dir, "config"))
	command := exec.CommandContext(ctx, check[0], append(check[1:], "-t")...)
	command.Env, command.Dir = r.s.environment(nil), running
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, said)
	}
	leaving := filepath.Join(running, "leaving")
	if err := os.WriteFile(leaving, nil, 0o600); err != nil {
		return err
	}
	defer os.Remove(leaving)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(leave):
	}
	old := childrenOf(master)
	if err := unix.Kill(master, unix.SIGHUP); err != nil {
		return err
	}
	return await(ctx, func(context.Context) error {
		for _, worker := range strings.Fields(childrenOf(master)) {
			if !strings.Contains(" "+old, " "+worker+" ") {
				return nil
			}
		}
		return errors.New("no new worker has started")
	})
}

// childrenOf lists the ids of a process's children, each followed by a blank.
func childrenOf(pid int) string {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	return string(children)
}

// hasReread asks a server's own metrics whether it has read its configuration again since then.
func (r *Running) hasReread(ctx context.Context, svc service, since time.Time) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+svc.statusAddress(r.s.Net)+"/metrics", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	found := regexp.MustCompile(`(?m)^\w+_config_last_reload_success_timestamp_seconds (\S+)$`).FindSubmatch(text)
	if found == nil {
		return errors.New("it does not tell when it read its configuration")
	}
	seconds, err := strconv.ParseFloat(string(found[1]), 64)
	if err == nil && seconds < float64(since.UnixMilli())/1000 {
		err = errors.New("it goes on with the configuration before; its log says why")
	}
	return err
}
