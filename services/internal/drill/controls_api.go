package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"evergreen/services/internal/stack"
)

// frozenReplicas lets WAIT run out of time, so that groups are submitted again.
func frozenReplicas(ctx context.Context, s *Scene) error {
	const lasting = time.Second
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return err
	}
	s.Fault(fmt.Sprintf("%s stopped for %v", names(replicas), lasting))
	err = s.frozen(ctx, lasting, replicas...)
	s.Heal("both go on")
	return err
}

// secondGroup is how long after the replicas were stopped a large group waits for
// them: the first one has few writes in it, and its WAIT runs out after 0.5 s; what
// has come meanwhile is the next.
const secondGroup = 800 * time.Millisecond

// cutConnections closes the API's connections to the primary while groups that ran
// wait for the replicas' acknowledgements: nobody hears what became of them.
func cutConnections(ctx context.Context, s *Scene) error {
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return err
	}
	s.Fault(fmt.Sprintf("%s stopped, and all connections to %s cut", names(replicas), primary.Name()))
	err = errors.Join(Each(replicas, Process.Pause), s.Hold(ctx, secondGroup))
	_, cut := s.Stack.Redis(ctx, primary.Name(), "CLIENT", "KILL", "TYPE", "normal")
	err = errors.Join(err, cut, s.Hold(ctx, 300*time.Millisecond), Each(replicas, Process.Resume))
	s.Heal("both go on")
	return err
}

// killBeforeAnswer kills an API replica whose groups ran and wait for the replicas'
// acknowledgements. nginx sends their requests to the other one.
func killBeforeAnswer(ctx context.Context, s *Scene) error {
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return err
	}
	api, err := s.Process("api-1")
	if err != nil {
		return err
	}
	s.Fault(fmt.Sprintf("%s stopped, and %s killed while it waits for them", names(replicas), api.Name()))
	err = errors.Join(Each(replicas, Process.Pause), s.Hold(ctx, secondGroup))
	err = errors.Join(err, api.Kill(), Each(replicas, Process.Resume))
	s.Step("the replicas go on")
	if err == nil {
		err = s.Hold(ctx, away)
	}
	err = errors.Join(err, api.Launch())
	s.Heal(api.Name() + " started")
	return err
}

// The times of wakeAfterRefusals: nginx gives a silent replica up before it wakes.
const (
	impatience = 3 * time.Second
	asleep     = 6 * time.Second
)

// impatient is without, and nginx waits 3 s for a replica instead of 12, so that the
// run is short.
func impatient(weaknesses string) func(context.Context, *stack.Options) error {
	weak := without(weaknesses)
	hasty := filesWith(weaknesses, edit{
		"nginx/upstream.conf.template", "proxy_read_timeout 12s;", fmt.Sprintf("proxy_read_timeout %ds;", int(impatience.Seconds())),
	})
	return func(ctx context.Context, o *stack.Options) error {
		setAll(o, manyConnections())
		return errors.Join(weak(ctx, o), hasty(ctx, o))
	}
}

// wakeAfterRefusals freezes an API replica while its committer holds purchases of
// what is scarce: the Redis replicas were stopped before, so that many wait. nginx
// has the other API replica answer, who refuses some of them; then more comes in, as
// it always does under this load; then the frozen one wakes up and submits what it
// holds, within its deadline.
func wakeAfterRefusals(ctx context.Context, s *Scene) error {
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return err
	}
	api, err := s.Process("api-1")
	if err != nil {
		return err
	}
	s.Fault(fmt.Sprintf("%s stopped, then %s frozen for %v", names(replicas), api.Name(), asleep))
	err = errors.Join(Each(replicas, Process.Pause), s.Hold(ctx, secondGroup))
	err = errors.Join(err, api.Pause(), Each(replicas, Process.Resume))
	s.Step(names(replicas) + " go on, " + api.Name() + " is frozen")
	err = errors.Join(err, s.Hold(ctx, asleep), api.Resume())
	s.Heal(api.Name() + " goes on")
	return err
}
