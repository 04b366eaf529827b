package containers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// docker runs the docker command line and gives what it prints.
func (p *Project) docker(ctx context.Context, args ...string) (string, error) {
	var out, said bytes.Buffer
	if err := p.run(ctx, &out, &said, args...); err != nil {
		return out.String(), fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, lastLines(said.String(), 15))
	}
	return out.String(), nil
}

// run lets settings reach docker by its environment alone: others can see a command
// line.
func (p *Project) run(ctx context.Context, out, said io.Writer, args ...string) error {
	command := exec.CommandContext(ctx, "docker", args...)
	command.Dir = p.root
	command.Env = append(os.Environ(), p.settings()...)
	// Killed, it might leave a child behind that holds its output open.
	command.WaitDelay = time.Second
	command.Stdout, command.Stderr = out, said
	err := command.Run()
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return err
}

// settings are the options' as an environment has them.
func (p *Project) settings() (all []string) {
	for name, value := range p.changes {
		all = append(all, name+"="+value)
	}
	return all
}

// Environment is what makes a plain `docker compose` in the repository, such as a
// script's, work on this project.
func (p *Project) Environment() []string {
	return append(p.settings(), "COMPOSE_PROJECT_NAME="+p.Name, "COMPOSE_ENV_FILES="+p.envFile,
		"COMPOSE_FILE="+filepath.Join(p.root, "docker-compose.yml"))
}

func lastLines(text string, most int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-most):], "\n")
}

// Compose runs docker compose on the shipped file with the project's settings.
func (p *Project) Compose(ctx context.Context, args ...string) (string, error) {
	project := []string{
		"compose", "--project-directory", p.root, "--file", filepath.Join(p.root, "docker-compose.yml"), "--env-file", p.envFile,
	}
	if p.Name != "" {
		project = append(project, "--project-name", p.Name)
	}
	return p.docker(ctx, append(project, args...)...)
}

// Build makes the images that are made here.
func (p *Project) Build(ctx context.Context) error {
	_, err := p.Compose(ctx, "build", "--quiet")
	return err
}

// Up starts what is down, as people do, and returns when all is healthy.
func (p *Project) Up(ctx context.Context, args ...string) error {
	_, err := p.Compose(ctx, append([]string{"up", "--detach", "--wait"}, args...)...)
	return err
}

// Down removes the containers, and keeps the data.
func (p *Project) Down(ctx context.Context) error {
	_, err := p.Compose(ctx, "--profile", "*", "down", "--remove-orphans")
	return err
}

// Remove removes the data, too.
func (p *Project) Remove(ctx context.Context) error {
	_, err := p.Compose(ctx, "--profile", "*", "down", "--remove-orphans", "--volumes")
	return err
}

// Restart has Compose restart everything, in its order.
func (p *Project) Restart(ctx context.Context) error {
	_, err := p.Compose(ctx, "restart")
	return err
}

// Projects lists the names of all projects that have containers, running or not.
func (p *Project) Projects(ctx context.Context) ([]string, error) {
	out, err := p.docker(ctx, "ps", "--all", "--filter", "label="+projectLabel, "--format", `{{.Label "`+projectLabel+`"}}`)
	names := strings.Fields(out)
	slices.Sort(names)
	return slices.Compact(names), err
}

// projectLabel is how Compose marks what belongs to a project.
const projectLabel = "com.docker.compose.project"

// Volumes lists the project's volumes by their names in docker-compose.yml.
func (p *Project) Volumes(ctx context.Context) ([]string, error) {
	out, err := p.docker(ctx, "volume", "ls", "--filter", "label="+projectLabel+"="+p.Name, "--format", "{{.Name}}")
	names := strings.Fields(out)
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, p.Name+"_")
	}
	return names, err
}

// RemoveVolume removes one, by its name in docker-compose.yml. No container may use it.
func (p *Project) RemoveVolume(ctx context.Context, name string) error {
	_, err := p.docker(ctx, "volume", "rm", p.Name+"_"+name)
	return err
}
