package containers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Service is one service of the project, in its container. The methods are those of
// a process of the native stack, and do to the container what they do to a process.
type Service struct {
	project *Project
	name    string
	host    string // its address; "" if it has no fixed one
}

// commandLimit bounds what takes docker a moment.
const commandLimit = 30 * time.Second

// Name is the service's, such as "redis-1". It carries no role: roles move.
func (s *Service) Name() string { return s.name }

// Addr is the ip:port that the service's clients within the network use.
func (s *Service) Addr() string { return s.host + ":" + strconv.Itoa(s.port()) }

// port is the one that a kind of service is known by.
func (s *Service) port() int {
	kind, _, _ := strings.Cut(s.name, "-")
	return map[string]int{
		"redis": 6379, "sentinel": 26379, "api": 5000, "edge": 8080, "nginx": 8080, "prometheus": 9090, "grafana": 3000,
	}[kind]
}

// Container is the container's name.
func (s *Service) Container() string { return s.project.Name + "-" + s.name + "-1" }

// do runs a docker command on the container.
func (s *Service) do(ctx context.Context, command ...string) error {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	_, err := s.project.docker(ctx, append(command, s.Container())...)
	return err
}

// Pause freezes all processes of the container: its sockets stay open and silent.
func (s *Service) Pause() error {
	for try := 1; ; try++ {
		err := s.do(context.Background(), "pause")
		// Older control groups are frozen one process after the other. That is given up, and undone, when new ones, such
		// as those of a health check, begin all the time.
		if err == nil || !strings.Contains(err.Error(), "unable to freeze") || try == pauseTries {
			return err
		}
	}
}

// pauseTries is how often the engine may fail to freeze a container.
const pauseTries = 10

// Resume lets a paused container go on where it was.
func (s *Service) Resume() error { return s.do(context.Background(), "unpause") }

// Kill ends the container with SIGKILL and returns when it is gone. The engine takes
// that for somebody's wish: it stays down until Launch or Restart.
func (s *Service) Kill() error {
	if err := s.do(context.Background(), "kill"); err != nil {
		return err
	}
	return s.do(context.Background(), "wait")
}

// Launch starts the container if it is down and waits for nothing.
func (s *Service) Launch() error { return s.do(context.Background(), "start") }

// Terminate ends the service as its program likes to be ended, within the grace
// period that docker-compose.yml gives it, and returns when it is gone. It stays
// down until Launch or Restart. Of a service that is down it asks nothing.
func (s *Service) Terminate(ctx context.Context) error {
	_, err := s.project.docker(ctx, "stop", s.Container())
	return err
}

// Restart ends the service if it is alive, starts it and returns when it is healthy.
func (s *Service) Restart(ctx context.Context) error {
	if err := s.Terminate(ctx); err != nil {
		return err
	}
	if err := s.Launch(); err != nil {
		return err
	}
	return s.AwaitHealthy(ctx)
}

// Crash kills the service's process from within the container, where SIGKILL cannot
// be told from an accident: the engine starts it again. The image needs a shell, and
// the container an init, which ends with its child.
func (s *Service) Crash(ctx context.Context) error {
	// Every process but the init and this shell. The init reaps, and then ends.
	_, err := s.Exec(ctx, "sh", "-c", `for p in /proc/[0-9]*; do p=${p#/proc/}; [ $p = 1 ] || [ $p = $$ ] || kill -KILL $p; done 2>/dev/null; :`)
	if err != nil && strings.Contains(err.Error(), "exit status 137") {
		return nil // this shell went down with the container
	}
	return err
}

// Exec runs a program in the container and gives what it prints.
func (s *Service) Exec(ctx context.Context, command ...string) (string, error) {
	return s.project.docker(ctx, append([]string{"exec", s.Container()}, command...)...)
}

// Disconnect takes the container's network away; it runs on alone.
func (s *Service) Disconnect(ctx context.Context) error {
	_, err := s.project.docker(ctx, "network", "disconnect", s.networkName(), s.Container())
	return err
}

// Connect gives the network back, with the same address.
func (s *Service) Connect(ctx context.Context) error {
	_, err := s.project.docker(ctx, "network", "connect", "--ip", s.host, "--alias", s.name, s.networkName(), s.Container())
	return err
}

func (s *Service) networkName() string { return s.project.Name + "_" + network }

// Recreate has Compose make the container anew, with no heed to the others, and
// start it. It waits for nothing.
func (s *Service) Recreate(ctx context.Context) error {
	_, err := s.project.Compose(ctx, "up", "--detach", "--no-deps", "--no-build", "--force-recreate", s.name)
	return err
}

// Discard removes the container, which has to be there, alive or not, and the volume that has its name:
// what it had stored is gone. The engine keeps a volume that a container uses, so the backup service goes with it.
func (s *Service) Discard(ctx context.Context) error {
	users, err := s.project.docker(ctx, "ps", "--all", "--quiet", "--filter", "volume="+s.project.Name+"_"+s.name)
	if err != nil {
		return err
	}
	if _, err := s.project.docker(ctx, append([]string{"rm", "--force"}, strings.Fields(users)...)...); err != nil {
		return err
	}
	return s.project.RemoveVolume(ctx, s.name)
}

// AwaitHealthy returns when the container's own check says that it can be used, or
// when ctx ends, with what was missing.
func (s *Service) AwaitHealthy(ctx context.Context) error {
	return until(ctx, func(ctx context.Context) error {
		found, err := s.Inspect(ctx)
		if err == nil && !found.Healthy() {
			err = fmt.Errorf("%s is %s", s.name, found)
		}
		return err
	})
}

// pollEvery is how often a condition is looked at again. Each look starts programs, in
// containers too.
const pollEvery = 400 * time.Millisecond

// until returns when check finds nothing missing, or when ctx ends, with what was
// missing last.
func until(ctx context.Context, check func(context.Context) error) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		missing := check(ctx)
		if missing == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), missing)
		case <-tick.C:
		}
	}
}
