package drill

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"evergreen/services/internal/containers"
	"evergreen/services/internal/stack"
)

// composed is the shop of a project of Docker Compose that somebody has started:
// what is done to it is done by the engine, and what it is asked goes through its
// containers.
type composed struct {
	*containers.Project
	root     string
	settings map[string]string
	lines    map[string]*line // to the Redis nodes and the Sentinels, by name
}

// openComposed finds the project that docker compose would mean here.
func openComposed(ctx context.Context) (*composed, error) {
	root, err := stack.Root()
	if err != nil {
		return nil, err
	}
	project, err := containers.Open(ctx, containers.Options{Root: root})
	if err != nil {
		return nil, err
	}
	found, err := project.Inspect(ctx)
	if err != nil {
		return nil, fmt.Errorf("the project %s does not run (docker compose up -d --build --wait): %w", project.Name, err)
	}
	c := &composed{Project: project, root: root, settings: map[string]string{}, lines: map[string]*line{}}
	for _, one := range found {
		maps.Copy(c.settings, environment(one))
	}
	for _, s := range slices.Concat(project.Named("redis-"), project.Named("sentinel-")) {
		c.lines[s.Name()] = lineTo(s)
	}
	return c, nil
}

// environment is what a container was started with: .env may have changed since.
func environment(of containers.Inspected) map[string]string {
	settings := map[string]string{}
	for _, pair := range of.Config.Env {
		name, value, _ := strings.Cut(pair, "=")
		settings[name] = value
	}
	return settings
}

// tight names the limits that a drill would meet with their usual values: whoever comes
// through the published port of this machine's loopback address is the engine's proxy,
// one address, in the eyes of nginx.
func (c *composed) tight() []string {
	var all []string
	for _, limit := range []struct {
		name  string
		least int
	}{{"EDGE_CONNECTIONS", 4000}, {"RATE_SIGNIN_ADDRESS_PER_MINUTE", 1000}} {
		if n, err := strconv.Atoi(c.Setting(limit.name)); err != nil || n < limit.least {
			all = append(all, fmt.Sprintf("%s=%d", limit.name, limit.least))
		}
	}
	return all
}

// inContainers is the shop of such a project.
func inContainers(c *composed) *shop {
	made := &shop{
		url: c.URL(), email: c.Setting("ADMIN_EMAIL"), password: c.Setting("ADMIN_PASSWORD"),
		stack: c, net: c.Net, settings: c.settings, mend: c.mend, leave: c.close, saveLogs: c.saveLogs,
	}
	for _, p := range c.Processes() {
		made.services = append(made.services, p.Name())
	}
	return made
}

// close ends what the drill has running in the containers.
func (c *composed) close() {
	for _, l := range c.lines {
		l.close()
	}
}

// Setting is a value that the containers were started with.
func (c *composed) Setting(name string) string { return c.settings[name] }

// Process is the service of that name, or nil.
func (c *composed) Process(name string) Process {
	if s := c.Service(name); s != nil {
		return container{s}
	}
	return nil
}

// Processes lists the services that the shop needs in order to sell.
func (c *composed) Processes() []Process {
	var all []Process
	for _, s := range c.Services() {
		if !stack.Watches(s.Name()) {
			all = append(all, container{s})
		}
	}
	return all
}

// Handover is done by the program that a person would use, in a container of its own.
func (c *composed) Handover(ctx context.Context, say func(format string, a ...any)) error {
	operator := exec.CommandContext(ctx, "docker", "compose", "--project-name", c.Name, "run", "--rm", "-T", "operator", "handover")
	operator.Dir = c.root
	var complaints strings.Builder
	operator.Stderr = &complaints
	out, err := operator.StdoutPipe()
	if err == nil {
		err = operator.Start()
	}
	if err != nil {
		return err
	}
	for said := bufio.NewScanner(out); said.Scan(); {
		say("%s", strings.TrimSpace(said.Text()))
	}
	if err := operator.Wait(); err != nil {
		return fmt.Errorf("docker compose run operator handover: %w: %s", err, strings.TrimSpace(complaints.String()))
	}
	return nil
}

// Empty removes what a node has in its volume, which no running container has to
// show: another one does it.
func (c *composed) Empty(ctx context.Context, node string) error {
	s := c.Service(node)
	found, err := s.Inspect(ctx)
	if err != nil {
		return err
	}
	said, err := exec.CommandContext(ctx, "docker", "run", "--rm", "--network", "none", "--volumes-from", s.Container(),
		"--user", found.Config.User, "--entrypoint", "rm", found.Config.Image, "-rf", "/data/data").CombinedOutput()
	if err != nil {
		return fmt.Errorf("removing the data of %s: %w: %s", node, err, said)
	}
	return nil
}

// mend undoes what a fault has left that did not get to its end: the shop is
// somebody's.
func (c *composed) mend(ctx context.Context) error {
	found, err := c.Project.Inspect(context.WithoutCancel(ctx))
	for _, p := range c.Processes() {
		s := c.Service(p.Name())
		is, there := found[p.Name()]
		if !there {
			continue
		}
		ownNetwork := !strings.HasPrefix(is.HostConfig.NetworkMode, "container:")
		if len(is.NetworkSettings.Networks) == 0 && ownNetwork {
			err = errors.Join(err, s.Connect(context.WithoutCancel(ctx)))
		}
		if is.State.Paused {
			err = errors.Join(err, s.Resume())
		}
		if !is.State.Running {
			err = errors.Join(err, s.Launch())
		}
	}
	return err
}

// saveLogs writes the end of every container's log into a directory.
func (c *composed) saveLogs(ctx context.Context, to string) error {
	const lines = 50_000
	var errs []error
	for _, p := range c.Processes() {
		text, err := c.Service(p.Name()).Logs(context.WithoutCancel(ctx), lines)
		if err == nil {
			err = writeFile(filepath.Join(to, p.Name()+".log"), func(w io.Writer) error {
				_, err := io.WriteString(w, text)
				return err
			})
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// container is a service in its container.
type container struct{ *containers.Service }

// Pause tries again when runc gives up, which it does on a busy machine if processes of
// the container begin while it looks for all of them.
func (c container) Pause() error {
	const tries = 10
	for try := 1; ; try++ {
		err := c.Service.Pause()
		if err == nil || try == tries || !strings.Contains(err.Error(), "unable to freeze") {
			return err
		}
	}
}
