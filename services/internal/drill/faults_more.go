package drill

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"evergreen/services/internal/stack"
)

// moreFaults are those that go beyond DESIGN D6: faults that hit the retry paths,
// two faults at a time, and things that are slow or off instead of dead.
func moreFaults() []Fault {
	return slices.Concat(apiFaults(), replyFaults(), slowFaults(), sentinelFaults(), repeatedFaults(), unpromisedFaults())
}

// set changes one setting of the stack that a fault prepares, without touching
// the map that other runs share.
func set(o *stack.Options, name, value string) {
	o.Settings = maps.Clone(o.Settings)
	if o.Settings == nil {
		o.Settings = map[string]string{}
	}
	o.Settings[name] = value
}

// setAll is set for several.
func setAll(o *stack.Options, settings map[string]string) {
	for name, value := range settings {
		set(o, name, value)
	}
}

// frozen stops processes for so long, all at the same time, and lets them go on.
func (s *Scene) frozen(ctx context.Context, d time.Duration, processes ...Process) error {
	err := Each(processes, Process.Pause)
	if err == nil {
		err = s.Hold(ctx, d)
	}
	return errors.Join(err, Each(processes, Process.Resume))
}

// restart starts processes that are down, all at the same time, and waits until
// they can be used.
func (s *Scene) restart(ctx context.Context, processes ...Process) error {
	err := Each(processes, Process.Launch)
	return errors.Join(err, s.Stack.AwaitHealthy(ctx))
}
