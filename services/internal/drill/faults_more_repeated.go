package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// repeatedFaults are several in a row.
func repeatedFaults() []Fault {
	return []Fault{
		{
			Slug:  "double-crash",
			Title: "the primary is killed, and the new one right after its promotion",
			// What was acknowledged was on both replicas, so the third node has it. It is
			// alone until the others come back, and takes no writes: how soon they are
			// taken again is no more than bounded, as after the killing of all nodes.
			Promise:  &Promise{WriteGap: 40 * time.Second, ReadGap: 5 * time.Second, Slowest: deadline, Errors: anyErrors, ReadErrors: 0.01},
			Products: many,
			Inject:   crashTwice,
		},
		{
			Slug:  "rolling-everything",
			Title: "every process in turn is stopped and started again",
			// Only the primary's turn is felt: a handover takes less than 3 s, a plain
			// stop is a failover; and each nginx's by those whose connection it has.
			Promise:  &Promise{WriteGap: failover, ReadGap: unseen, Slowest: deadline, Errors: fewErrors, ReadErrors: fewErrors, Cut: 0.01},
			Variants: []string{"handover", "plain stop"},
			Inject:   rollEverything,
		},
	}
}

// crashTwice kills the promoted node as soon as it says that it is primary, which
// is before it was told to all and before the third node follows it.
func crashTwice(ctx context.Context, s *Scene) error {
	first, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	s.Fault(first.Name() + " killed")
	if err := first.Kill(); err != nil {
		return err
	}
	second, err := s.AwaitPrimaryOtherThan(ctx, first)
	if err != nil {
		return errors.Join(err, s.restart(ctx, first))
	}
	s.Step(second.Name() + ", just promoted, killed")
	if err = second.Kill(); err == nil {
		err = s.Hold(ctx, away)
	}
	s.Step(fmt.Sprintf("%s and %s come back", first.Name(), second.Name()))
	err = errors.Join(err, s.restart(ctx, first, second))
	s.Heal("all three nodes are up")
	return err
}

// rollEverything restarts the processes as one would who updates them: the
// replicas first, so that the primary's role has where to go.
func rollEverything(ctx context.Context, s *Scene) error {
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return err
	}
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	s.Fault("every process in turn: " + s.Variant)
	if err = s.roll(ctx, replicas...); err == nil {
		err = s.rollPrimary(ctx, primary)
	}
	for _, prefix := range []string{"sentinel-", "api-", "nginx-"} {
		if err == nil {
			err = s.roll(ctx, s.named(prefix)...)
		}
	}
	err = errors.Join(err, s.Stack.AwaitHealthy(ctx))
	s.Heal("every process was restarted")
	return err
}

// roll restarts processes, each when all are well after the one before: a replica
// is, for the primary, only once it has acknowledged something.
func (s *Scene) roll(ctx context.Context, processes ...Process) error {
	for _, p := range processes {
		if err := s.settled(ctx); err != nil {
			return err
		}
		s.Step(p.Name() + " restarts")
		if err := p.Restart(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scene) rollPrimary(ctx context.Context, primary Process) error {
	if s.Variant == "handover" {
		if err := s.settled(ctx); err != nil {
			return err
		}
		s.Step(primary.Name() + " hands over")
		err := s.Stack.Handover(ctx, func(format string, a ...any) { s.Step(fmt.Sprintf(format, a...)) })
		if err != nil {
			return err
		}
	}
	return s.roll(ctx, primary)
}

// settled waits until every process can be used and the primary has both replicas,
// as somebody who restarts one by one would look before the next.
func (s *Scene) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return until(ctx, func(ctx context.Context) error {
		return errors.Join(s.Stack.AwaitHealthy(ctx), s.followed(ctx))
	})
}

// followed demands two replicas online at the primary.
func (s *Scene) followed(ctx context.Context) error {
	name, err := s.Stack.Primary(ctx)
	if err != nil {
		return err
	}
	info, err := s.Stack.Redis(ctx, name, "INFO", "replication")
	if err == nil && strings.Count(info, "state=online") != 2 {
		err = fmt.Errorf("%s has not both replicas", name)
	}
	return err
}
