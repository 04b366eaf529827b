package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/stack"
)

// Event notes a step in the history; what is one of history's.
func (s *Scene) Event(what, text string) { s.Load.Event(what, text) }

// Fault notes that the fault begins now. Call it just before the first harm.
func (s *Scene) Fault(text string) { s.Event(history.Fault, text) }

// Heal notes that all that was done is undone. Call it just after.
func (s *Scene) Heal(text string) { s.Event(history.Heal, text) }

// Step notes something that the fault does in between.
func (s *Scene) Step(text string) { s.Event(history.Injected, text) }

// Hold lets the load go on for so long. A drill's phases are time, not
// conditions ("frozen for 2.25 s"); this is the only place that waits by the
// clock. The error is the context's.
func (s *Scene) Hold(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Sweep is the duration that this run is to do.
func (s *Scene) Sweep() (time.Duration, error) {
	d, err := time.ParseDuration(s.Variant)
	if err != nil {
		return 0, fmt.Errorf("the variant of this run: %w", err)
	}
	return d, nil
}

// Process is a service of the stack, such as "api-1".
func (s *Scene) Process(name string) (Process, error) {
	if p := s.Stack.Process(name); p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("the stack has no %s", name)
}

// Redis gives the three Redis nodes, whatever their roles.
func (s *Scene) Redis() []Process { return s.named("redis-") }

// Sentinels gives the three Sentinels.
func (s *Scene) Sentinels() []Process { return s.named("sentinel-") }

func (s *Scene) named(row string) []Process {
	var found []Process
	for _, p := range s.Stack.Processes() {
		if stack.InRow(p.Name(), row) {
			found = append(found, p)
		}
	}
	return found
}

// Primary is the node that two Sentinels name.
func (s *Scene) Primary(ctx context.Context) (Process, error) {
	name, err := s.Stack.Primary(ctx)
	if err != nil {
		return nil, err
	}
	return s.Process(name)
}

// SweepPrimary is what a sweep over the primary begins with: this run's length of
// time, and who is primary.
func (s *Scene) SweepPrimary(ctx context.Context) (time.Duration, Process, error) {
	d, err := s.Sweep()
	if err != nil {
		return 0, nil, err
	}
	primary, err := s.Primary(ctx)
	return d, primary, err
}

// Replicas are the Redis nodes that are not the primary, in the order of their
// names.
func (s *Scene) Replicas(ctx context.Context) ([]Process, error) {
	primary, err := s.Primary(ctx)
	if err != nil {
		return nil, err
	}
	var replicas []Process
	for _, p := range s.Redis() {
		if p.Name() != primary.Name() {
			replicas = append(replicas, p)
		}
	}
	return replicas, nil
}

// AwaitPrimaryOtherThan returns the new primary once two Sentinels name one and it
// says so itself.
func (s *Scene) AwaitPrimaryOtherThan(ctx context.Context, old Process) (Process, error) {
	name, err := s.Stack.AwaitPrimary(ctx, func(name string) bool { return name != old.Name() })
	if err != nil {
		return nil, err
	}
	return s.Process(name)
}

// awaitLink returns when a Redis node follows its primary.
func (s *Scene) awaitLink(ctx context.Context, node Process) error {
	return until(ctx, func(ctx context.Context) error {
		info, err := s.Stack.Redis(ctx, node.Name(), "INFO", "replication")
		if err == nil && !strings.Contains(info, "master_link_status:up") {
			err = errNoLink
		}
		return err
	})
}

// until returns when check finds nothing missing, or when ctx ends, with what was
// missing last. It looks twenty times a second.
func until(ctx context.Context, check func(context.Context) error) error {
	tick := time.NewTicker(50 * time.Millisecond)
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

// Each does the same to several processes, at the same moment, and gives the
// first error.
func Each(processes []Process, do func(Process) error) error {
	var all errgroup.Group
	for _, p := range processes {
		all.Go(func() error {
			if err := do(p); err != nil {
				return fmt.Errorf("%s: %w", p.Name(), err)
			}
			return nil
		})
	}
	return all.Wait()
}

// names lists processes for people.
func names(processes []Process) string {
	all := make([]string, len(processes))
	for i, p := range processes {
		all[i] = p.Name()
	}
	return strings.Join(all, ", ")
}
