package containers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Inspected is what we read of `docker inspect`.
type Inspected struct {
	Name         string
	RestartCount int
	State        struct {
		Status   string
		Running  bool
		Paused   bool
		ExitCode int
		Pid      int
		// StartedAt tells one life from the next.
		StartedAt string
		Health    *struct{ Status string }
	}
	Config struct {
		User, Image, StopSignal string
		Env                     []string
	}
	HostConfig struct {
		ReadonlyRootfs  bool
		Privileged      bool
		CapAdd, CapDrop []string
		SecurityOpt     []string
		Memory          int64
		PidsLimit       *int64
		Init            *bool
		NetworkMode     string
		RestartPolicy   struct{ Name string }
		LogConfig       struct {
			Type   string
			Config map[string]string
		}
		PortBindings map[string][]struct{ HostIP, HostPort string }
	}
	Mounts []struct {
		Type, Name, Source, Destination string
		RW                              bool
	}
	NetworkSettings struct {
		Networks map[string]struct{ IPAddress string }
	}
}

// Healthy says that the container runs, and that its check (if it has one) says so too.
func (i Inspected) Healthy() bool {
	return i.State.Running && !i.State.Paused && (i.State.Health == nil || i.State.Health.Status == "healthy")
}

// String tells a container's state for people.
func (i Inspected) String() string {
	if i.State.Health != nil && i.State.Running {
		return i.State.Status + " and " + i.State.Health.Status
	}
	return fmt.Sprintf("%s (status %d)", i.State.Status, i.State.ExitCode)
}

// Inspect asks the engine what the container is.
func (s *Service) Inspect(ctx context.Context) (Inspected, error) {
	found, err := s.project.inspect(ctx, s.Container())
	if err != nil {
		return Inspected{}, err
	}
	return found[0], nil
}

// Inspect asks the engine about all containers of the project, by service.
func (p *Project) Inspect(ctx context.Context) (map[string]Inspected, error) {
	var names []string
	for _, s := range p.services {
		names = append(names, s.Container())
	}
	found, err := p.inspect(ctx, names...)
	all := map[string]Inspected{}
	for _, i := range found {
		name := strings.TrimSuffix(strings.TrimPrefix(i.Name, "/"+p.Name+"-"), "-1")
		all[name] = i
	}
	return all, err
}

func (p *Project) inspect(ctx context.Context, containers ...string) (found []Inspected, err error) {
	text, err := p.docker(ctx, append([]string{"inspect", "--type", "container"}, containers...)...)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return nil, fmt.Errorf("docker inspect: %w", err)
	}
	return found, nil
}

// InspectText is all that the engine tells of the container, as people see it.
func (s *Service) InspectText(ctx context.Context) (string, error) {
	return s.project.docker(ctx, "inspect", "--type", "container", s.Container())
}

// Logs are the last lines that the container has printed in all its lives.
func (s *Service) Logs(ctx context.Context, lines int) (string, error) {
	var both bytes.Buffer
	err := s.project.run(ctx, &both, &both, "logs", "--tail", strconv.Itoa(lines), s.Container())
	return both.String(), err
}

// AllLogs are the last lines of every container, without the requests that were
// answered well, under its service's name and state.
func (p *Project) AllLogs(ctx context.Context, lines int) string {
	const enough = 5000 // to find as many among those of requests
	var all strings.Builder
	for _, s := range p.services {
		state := "not there"
		if found, err := s.Inspect(ctx); err == nil {
			state = found.String()
		}
		text, _ := s.Logs(ctx, enough)
		said := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), answeredWell.MatchString)
		said = said[max(0, len(said)-lines):]
		fmt.Fprintf(&all, "%s is %s; the end of its log:\n%s\n", s.name, state, strings.Join(said, "\n"))
	}
	return all.String()
}

// answeredWell is the line of a request that was answered 2xx, in nginx's log and in the API's.
var answeredWell = regexp.MustCompile(`^\{.*"status":"?2\d\d\b`)

// Users are the numbers of the users that the container's processes belong to.
func (s *Service) Users(ctx context.Context) ([]string, error) {
	out, err := s.project.docker(ctx, "top", s.Container(), "-eo", "uid,pid")
	var users []string
	for line := range strings.Lines(out) {
		if uid, _, _ := strings.Cut(strings.TrimSpace(line), " "); uid != "UID" {
			users = append(users, uid)
		}
	}
	return users, err
}
