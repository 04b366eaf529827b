package drill

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"evergreen/services/internal/containers"
	"evergreen/services/internal/stack"
)

// readyWithin is how long what is up in containers may take until it can be used.
const readyWithin = 60 * time.Second

// Redis asks a Redis node or a Sentinel through its container.
func (c *composed) Redis(ctx context.Context, name string, command ...string) (string, error) {
	l := c.lines[name]
	if l == nil {
		return "", fmt.Errorf("this project has no %s", name)
	}
	reply, err := l.ask(ctx, command...)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return reply, nil
}

// Primary is the node that at least two Sentinels tell clients to use. All are asked at
// once: one that is frozen would have the others wait.
func (c *composed) Primary(ctx context.Context) (string, error) {
	sentinels := c.Named("sentinel-")
	answers := make(chan string, len(sentinels))
	for _, s := range sentinels {
		go func() { answers <- c.namedBy(ctx, s.Name()) }()
	}
	votes := map[string]int{}
	for range sentinels {
		name := <-answers
		if votes[name]++; name != "" && votes[name] == 2 {
			return name, nil
		}
	}
	return "", stack.ErrNoPrimary
}

// namedBy is the node that one Sentinel names; "" if it does not say.
func (c *composed) namedBy(ctx context.Context, sentinel string) string {
	reply, err := c.Redis(ctx, sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", c.Setting("REDIS_MASTER_NAME"))
	if err != nil {
		return ""
	}
	for _, node := range c.Named("redis-") {
		if strings.ReplaceAll(reply, "\n", ":") == node.Addr() {
			return node.Name()
		}
	}
	return ""
}

// AwaitPrimary returns the primary once two Sentinels name it, it says so itself, and
// accept (if not nil) takes it.
func (c *composed) AwaitPrimary(ctx context.Context, accept func(name string) bool) (found string, err error) {
	err = until(ctx, func(ctx context.Context) (err error) {
		if found, err = c.Primary(ctx); err != nil {
			return err
		}
		info, err := c.Redis(ctx, found, "INFO", "replication")
		if err == nil && (fields(info)["role"] != "master" || accept != nil && !accept(found)) {
			err = fmt.Errorf("the primary is %s", found)
		}
		return err
	})
	return found, err
}

// AwaitHealthy returns when every service whose container is up can be used.
func (c *composed) AwaitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	return until(ctx, func(ctx context.Context) error {
		found, err := c.Project.Inspect(ctx)
		if err != nil {
			return err
		}
		for _, state := range c.states(ctx, found) {
			up := found[state.Name].State.Running
			if up && state.Role == "replica" && state.Link != "up" {
				return fmt.Errorf("%s: %w", state.Name, errNoLink)
			}
			if up && state.Trouble != "" {
				return fmt.Errorf("%s: %s", state.Name, state.Trouble)
			}
		}
		return nil
	})
}

// Inspect asks the engine about all services, and those that can be asked.
func (c *composed) Inspect(ctx context.Context) ([]stack.State, string) {
	found, err := c.Project.Inspect(ctx)
	if err != nil {
		return []stack.State{{Name: c.Processes()[0].Name(), Trouble: err.Error()}}, ""
	}
	states := c.states(ctx, found)
	primary, _ := c.Primary(ctx)
	measure(states, primary)
	return states, primary
}

func (c *composed) states(ctx context.Context, found map[string]containers.Inspected) []stack.State {
	processes := c.Processes()
	states := make([]stack.State, len(processes))
	var all sync.WaitGroup
	for i, p := range processes {
		all.Go(func() {
			state := stack.State{Name: p.Name(), Addr: p.Addr(), Behind: -1}
			container := found[p.Name()]
			if err := c.state(ctx, &state, container); err != nil {
				state.Trouble = err.Error()
			}
			state.Up = state.Trouble == ""
			states[i] = state
		})
	}
	all.Wait()
	return states
}

// state fills in what one service is. Redis and Sentinel are asked: their containers'
// own checks say only that they answer.
func (c *composed) state(ctx context.Context, state *stack.State, container containers.Inspected) error {
	switch {
	case !container.State.Running:
		return errors.New("down")
	case container.State.Paused:
		return errors.New("paused")
	case stack.InRow(state.Name, "redis-"):
		return c.redisState(ctx, state)
	case stack.InRow(state.Name, "sentinel-"):
		return c.sentinelState(ctx, state)
	case !container.Healthy():
		return errors.New(container.String())
	}
	return nil
}

func (c *composed) redisState(ctx context.Context, state *stack.State) error {
	info, err := c.Redis(ctx, state.Name, "INFO")
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
	if said["loading"] != "0" {
		return errors.New("it is loading its data")
	}
	return nil
}

func (c *composed) sentinelState(ctx context.Context, state *stack.State) error {
	reply, err := c.Redis(ctx, state.Name, "SENTINEL", "MASTER", c.Setting("REDIS_MASTER_NAME"))
	if err != nil {
		return err
	}
	lines, view := strings.Split(reply, "\n"), map[string]string{}
	for i := 0; i+1 < len(lines); i += 2 {
		view[lines[i]] = lines[i+1]
	}
	state.Replicas, _ = strconv.Atoi(view["num-slaves"])
	state.Sentinels, _ = strconv.Atoi(view["num-other-sentinels"])
	state.Names = c.namedBy(ctx, state.Name)
	if state.Replicas != 2 || state.Sentinels != 2 {
		return fmt.Errorf("it knows %d of 2 replicas and %d of 2 other Sentinels", state.Replicas, state.Sentinels)
	}
	return nil
}

// measure compares each replica with the primary.
func measure(states []stack.State, primary string) {
	for _, p := range states {
		if p.Name != primary || p.Role != "primary" {
			continue
		}
		for i, state := range states {
			if state.Role == "replica" && state.Link == "up" {
				states[i].Behind = max(0, p.Offset-state.Offset)
			}
		}
	}
}

// fields reads the "name:value" lines of an INFO reply.
func fields(info string) map[string]string {
	found := map[string]string{}
	for text := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(text), ":"); ok {
			found[name] = value
		}
	}
	return found
}
