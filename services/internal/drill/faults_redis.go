package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"evergreen/services/internal/stack"
)

// Bounds of what clients may notice. down is Sentinel's down-after as it ships.
const (
	down = 2 * time.Second
	// failover is how long writes may wait when the primary dies or falls silent;
	// usualFailover is how long in 95 of 100 failovers, when it dies. Silence is noticed
	// later: by a ping that has no answer, and Sentinel sends one a second.
	failover      = down + 3*time.Second
	usualFailover = down + 2*time.Second
	// unseen is what nobody takes for a failure: a write may wait half a second for
	// a replica that has just died, and a busy machine takes its share.
	unseen = time.Second
	// deadline is how long a write may wait for its answer, good or bad: the shop's
	// own patience (10 s) and the way there and back.
	deadline = 12 * time.Second
	// fewErrors is the share of requests that may fail in a failover.
	fewErrors = 0.001
	// anyErrors is for faults with which the shop cannot sell: only what is answered
	// wrongly counts.
	anyErrors = 1
	// many products are for faults in which nothing can be written for long.
	many = 48
	// away is how long something is down that is missed by nobody.
	away = 4 * time.Second
)

// redisFaults are what can happen to the Redis nodes and the Sentinels.
func redisFaults() []Fault {
	crash := silentPrimary()
	crash.WriteGapP95 = usualFailover
	invisible := &Promise{WriteGap: unseen, ReadGap: unseen, Slowest: deadline}
	return []Fault{
		{
			Slug: "none", Title: "nothing at all", Anywhere: true,
			Promise: invisible, Inject: nothing,
		}, {
			Slug: "primary-crash", Title: "the primary killed, started again 4 s later",
			Promise: crash, Inject: primaryCrash,
		}, {
			Slug: "primary-freeze", Title: "the primary frozen for a while",
			Promise: silentPrimary(), Variants: append(aroundDown(afterDown), "5s", "8s", "12s", "17s"), Inject: primaryFreeze,
		}, {
			Slug: "primary-restart", Title: "the primary killed, started again after a while",
			Promise: crash, Variants: aroundDown(1250 * time.Millisecond), Inject: primaryRestart,
		}, {
			Slug: "handover", Title: "a planned handover to another primary", Anywhere: true,
			Promise: &Promise{WriteGap: 3 * time.Second, Resumed: 3 * time.Second, ReadGap: unseen, Slowest: deadline}, Inject: handover,
		}, {
			Slug: "primary-empty", Title: "the primary killed, its data removed, started at once",
			Promise: crash, Inject: primaryEmpty,
		}, {
			Slug: "replica-crash", Title: "a replica killed, started again 4 s later",
			Promise: invisible, Inject: replicaCrash,
		}, {
			Slug: "sentinel-crash", Title: "a Sentinel killed, started again 4 s later",
			Promise: invisible, Variants: []string{"sentinel-1", "sentinel-2", "sentinel-3"}, Inject: serviceCrash,
		}, {
			Slug: "replicas-down", Title: "both replicas killed, started again after a while",
			Promise:  &Promise{AfterHeal: 3 * time.Second, ReadGap: unseen, Slowest: deadline, Errors: anyErrors, ReadErrors: fewErrors},
			Products: many, Variants: []string{"4s", "14s", "9s"}, Inject: replicasDown,
		}, {
			Slug: "sentinels-and-primary-down", Title: "two Sentinels and the primary killed, started again after a while",
			Promise:  &Promise{ReadGap: unseen, Slowest: deadline, Errors: anyErrors, ReadErrors: fewErrors},
			Products: many, Variants: []string{"12s", "4s", "8s"}, Inject: sentinelsAndPrimaryDown,
		}, {
			Slug: "redis-kill-all", Title: "all Redis nodes killed at once, started at once",
			Promise:  &Promise{WriteGap: 40 * time.Second, ReadGap: 40 * time.Second, Slowest: deadline, Errors: anyErrors, ReadErrors: anyErrors},
			Products: many, Inject: redisKillAll,
		},
	}
}

// silentPrimary is what is promised when the primary falls silent.
func silentPrimary() *Promise {
	return &Promise{WriteGap: failover, Resumed: failover, ReadGap: unseen, Slowest: deadline, Errors: fewErrors, ReadErrors: fewErrors}
}

// afterDown is the silence of a primary with which a sweep begins: when Sentinel acts.
const afterDown = down + 500*time.Millisecond

// aroundDown sweeps from a second before Sentinel notices to two after: what
// comes back in that time meets a failover at every stage of it. The sweep begins
// where a weaker rule of acknowledgement is sure to lose writes (docs/sweep.md), so
// that a single run is worth most.
func aroundDown(first time.Duration) []string {
	var before, from []string
	for d := down - time.Second; d <= down+2*time.Second; d += 250 * time.Millisecond {
		if d < first {
			before = append(before, d.String())
		} else {
			from = append(from, d.String())
		}
	}
	return append(from, before...)
}

// nothing is the drill without a fault. What it finds is the drill's own, or the
// work of somebody who breaks something by hand meanwhile.
func nothing(ctx context.Context, s *Scene) error {
	s.Fault("nothing is done")
	if err := s.Hold(ctx, max(s.Last, away)); err != nil {
		return err
	}
	s.Heal("nothing was done")
	return nil
}

func primaryCrash(ctx context.Context, s *Scene) error {
	return crashed(ctx, s, away)
}

func primaryRestart(ctx context.Context, s *Scene) error {
	d, err := s.Sweep()
	if err != nil {
		return err
	}
	return crashed(ctx, s, d)
}

// crashed kills the primary and starts it again after d.
func crashed(ctx context.Context, s *Scene, d time.Duration) error {
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	return s.away(ctx, d, primary)
}

// away kills services, all at once, and starts them again after d.
func (s *Scene) away(ctx context.Context, d time.Duration, services ...Process) error {
	s.Fault(names(services) + " killed")
	if err := Each(services, Process.Kill); err != nil {
		return err
	}
	if err := s.Hold(ctx, d); err != nil {
		return err
	}
	if err := Each(services, Process.Launch); err != nil {
		return err
	}
	s.Heal(names(services) + " started")
	return nil
}

func primaryFreeze(ctx context.Context, s *Scene) error {
	d, primary, err := s.SweepPrimary(ctx)
	if err != nil {
		return err
	}
	s.Fault(primary.Name() + " frozen")
	err = s.frozen(ctx, d, primary)
	s.Heal(primary.Name() + " goes on")
	return err
}

func handover(ctx context.Context, s *Scene) error {
	s.Fault("handover")
	say := func(format string, a ...any) { s.Step(fmt.Sprintf(format, a...)) }
	var err error
	if s.Stack != nil {
		err = s.Stack.Handover(ctx, say)
	} else {
		err = stack.Handover(ctx, s.Net, s.Settings, say)
	}
	if err != nil {
		return err
	}
	s.Heal("handed over")
	return nil
}

// primaryEmpty has the node come back faster than Sentinel notices its absence.
// An empty primary would empty its replicas.
func primaryEmpty(ctx context.Context, s *Scene) error {
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	s.Fault(primary.Name() + " killed")
	if err := primary.Kill(); err != nil {
		return err
	}
	if err := s.Stack.Empty(ctx, primary.Name()); err != nil {
		return err
	}
	if err := primary.Launch(); err != nil {
		return err
	}
	s.Heal(primary.Name() + " started without data")
	return nil
}

func replicaCrash(ctx context.Context, s *Scene) error {
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return err
	}
	return s.away(ctx, away, replicas[0])
}

// serviceCrash kills the service that the variant names.
func serviceCrash(ctx context.Context, s *Scene) error {
	service, err := s.Process(s.Variant)
	if err != nil {
		return err
	}
	return s.away(ctx, away, service)
}

// replicasDown is healed when the first replica follows again: from then on the
// shop has all that it needs to sell.
func replicasDown(ctx context.Context, s *Scene) error {
	d, err := s.Sweep()
	if err != nil {
		return err
	}
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return err
	}
	s.Fault(names(replicas) + " killed")
	if err := Each(replicas, Process.Kill); err != nil {
		return err
	}
	if err := s.Hold(ctx, d); err != nil {
		return err
	}
	first, second := replicas[0], replicas[1]
	if err := first.Launch(); err != nil {
		return err
	}
	s.Step(first.Name() + " started")
	if err := s.awaitLink(ctx, first); err != nil {
		return err
	}
	s.Heal(first.Name() + " follows the primary")
	if err := second.Launch(); err != nil {
		return err
	}
	s.Step(second.Name() + " started")
	return nil
}

func sentinelsAndPrimaryDown(ctx context.Context, s *Scene) error {
	d, primary, err := s.SweepPrimary(ctx)
	if err != nil {
		return err
	}
	return s.away(ctx, d, append(s.Sentinels()[:2], primary)...)
}

func redisKillAll(ctx context.Context, s *Scene) error {
	return s.away(ctx, 0, s.Redis()...)
}

var errNoLink = errors.New("its link to the primary is not up")
