package stack

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// State is what one service is found to be.
type State struct {
	Name, Addr string
	// PID is its process id, or 0 if nobody knows.
	PID int
	// Up says that it answers and can be used.
	Up bool
	// Trouble is why not, in words; empty when it is up.
	Trouble string

	// Role is "primary" or "replica", of a Redis node that answers.
	Role string
	// Link is "up" or "down": a replica's connection to its primary.
	Link string
	// Offset is how many bytes of the history of writes a Redis node has.
	Offset int64
	// Behind is how many bytes a replica has yet to get, or -1 if nobody knows:
	// there is no primary, or the link is down.
	Behind int64
	// Follows is the address of the node that a replica follows, without the port.
	Follows string
	// Online is how many replicas a primary counts that get what it writes.
	Online int

	// Names is the node that a Sentinel tells clients to use.
	Names string
	// Replicas and Sentinels are how many others a Sentinel knows.
	Replicas, Sentinels int
	// Unrest is what keeps a Sentinel from dealing with the next fault; empty when
	// nothing does.
	Unrest string
}

// Report is what a stack looks like from outside.
type Report struct {
	Services []State
	// Primary is the node that two Sentinels name, or empty.
	Primary string
	// Missing says what keeps the shop from selling; nothing if it can.
	Missing []string
}

// Inspect asks all services of the stack on a prefix, which keeps its files in
// dir, and waits about a second for those that are silent. It needs no handle:
// another process may have started the stack. Observers that it was started without
// are not missed.
func Inspect(ctx context.Context, prefix, dir string, settings map[string]string) Report {
	started, _ := os.ReadFile(startedPath(dir))
	chosen := strings.Split(string(started), "\n")
	services := slices.DeleteFunc(topology(), func(svc service) bool {
		return svc.kind.observes() && !slices.Contains(chosen, svc.name)
	})
	return (&Stack{Net: prefix, dir: dir, settings: settings}).report(ctx, services)
}

// startedPath is a file with the names of what a stack was started with.
func startedPath(dir string) string { return filepath.Join(dir, "run", "started") }

// report asks some services, all at once.
func (s *Stack) report(ctx context.Context, services []service) Report {
	report := Report{Services: make([]State, len(services))}
	var all sync.WaitGroup
	for i, svc := range services {
		all.Go(func() { report.Services[i] = s.inspect(ctx, svc) })
	}
	all.Wait()
	report.agree()
	report.measure()
	report.judge()
	return report
}

func (s *Stack) inspect(ctx context.Context, svc service) State {
	state := State{Name: svc.name, Addr: svc.address(s.Net), PID: readPID(pidPath(s.dir, svc)), Behind: -1}
	var err error
	switch svc.kind {
	case kindRedis:
		err = s.inspectRedis(ctx, &state)
	case kindSentinel:
		err = s.inspectSentinel(ctx, svc, &state)
	default:
		err = s.inspectHTTP(ctx, svc)
	}
	state.Up = err == nil
	if err != nil {
		state.Trouble = trouble(err)
	}
	return state
}

func pidPath(dir string, svc service) string { return filepath.Join(dir, "run", svc.name+".pid") }

// readPID forgives a file that a killed supervisor left behind.
func readPID(path string) int {
	text, _ := os.ReadFile(path)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		return 0
	}
	return pid
}

func (s *Stack) inspectHTTP(ctx context.Context, svc service) error {
	ready, _ := s.readiness(svc)
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return ready(ctx)
}

func (s *Stack) inspectRedis(ctx context.Context, state *State) error {
	info, err := ask(ctx, state.Addr, s.operator(), "INFO")
	if err != nil {
		return err
	}
	said := fields(info)
	state.Role, state.Link = "replica", said["master_link_status"]
	offset := said["slave_repl_offset"]
	if said["role"] == "master" {
		state.Role, offset = "primary", said["master_repl_offset"]
	}
	state.Offset, _ = strconv.ParseInt(offset, 10, 64)
	state.Follows = said["master_host"]
	state.Online = strings.Count(said["slave0"]+said["slave1"], "state=online")
	if said["loading"] != "0" {
		return errors.New("it is loading its data")
	}
	return nil
}

func (s *Stack) inspectSentinel(ctx context.Context, svc service, state *State) (err error) {
	view, err := s.sentinelView(ctx, svc)
	if err != nil {
		return err
	}
	state.Replicas, _ = strconv.Atoi(view["num-slaves"])
	state.Sentinels, _ = strconv.Atoi(view["num-other-sentinels"])
	if state.Names, err = s.primaryBy(ctx, svc); err != nil {
		return err
	}
	if unrest := s.calm(ctx, svc); unrest != nil {
		state.Unrest = unrest.Error()
	}
	return nil
}

// trouble puts an error into the few words that fit into a table.
func trouble(err error) string {
	var slow net.Error
	switch {
	case strings.Contains(err.Error(), "connection refused"), errors.Is(err, unix.ECONNRESET):
		return "down" // or, in the second case, on its way there
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return "silent"
	case errors.Is(err, errNotReady):
		return "not ready"
	}
	return err.Error()
}

// agree finds the node that two Sentinels name.
func (r *Report) agree() {
	votes := map[string]int{}
	for _, state := range r.Services {
		if state.Names != "" {
			votes[state.Names]++
		}
		if votes[state.Names] == 2 {
			r.Primary = state.Names
		}
	}
}

// measure compares each replica with the primary.
func (r *Report) measure() {
	for _, primary := range r.Services {
		if primary.Name != r.Primary || primary.Role != "primary" {
			continue
		}
		for i, state := range r.Services {
			if state.Role == "replica" && state.Link == "up" {
				r.Services[i].Behind = max(0, primary.Offset-state.Offset)
			}
		}
	}
}

// judge decides whether the shop can sell: a primary that two Sentinels agree on
// and that says so too, a replica that follows, and an API replica that is ready.
func (r *Report) judge() {
	has := map[string]bool{}
	for _, state := range r.Services {
		has["primary"] = has["primary"] || state.Up && state.Role == "primary" && state.Name == r.Primary
		has["replica"] = has["replica"] || state.Up && state.Role == "replica" && state.Link == "up"
		has["api"] = has["api"] || state.Up && strings.HasPrefix(state.Name, "api-")
	}
	for _, need := range []struct{ what, missing string }{
		{"primary", "a primary that two Sentinels agree on"},
		{"replica", "a replica whose link is up"},
		{"api", "an API replica that is ready"},
	} {
		if !has[need.what] {
			r.Missing = append(r.Missing, need.missing)
		}
	}
}
