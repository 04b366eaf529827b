package drill

import (
	"context"
	"time"
)

// edgeFaults are what can happen to the API replicas and to nginx.
func edgeFaults() []Fault {
	invisible := &Promise{WriteGap: unseen, ReadGap: unseen, Slowest: deadline}
	openConnections := *invisible
	openConnections.UnderWay = true
	return []Fault{
		{
			Slug: "api-kill", Title: "an API replica killed, started again 4 s later",
			Promise: invisible, Variants: []string{"api-1", "api-2"}, Inject: serviceCrash,
		}, {
			Slug: "api-rolling", Title: "both API replicas restarted, one after the other",
			Promise: invisible, Inject: apiRolling,
		}, {
			Slug: "nginx-kill", Title: "an nginx killed, started again 4 s later",
			Promise: &openConnections, Variants: []string{"nginx-a", "nginx-b"}, Inject: nginxKill,
		},
	}
}

// apiRolling is what a new version is rolled out with: SIGTERM, drain, start, and
// the next one only when this one is ready.
func apiRolling(ctx context.Context, s *Scene) error {
	s.Fault("a rolling restart begins")
	for _, name := range []string{"api-1", "api-2"} {
		p, err := s.Process(name)
		if err != nil {
			return err
		}
		if err := p.Restart(ctx); err != nil {
			return err
		}
		s.Step(name + " is back")
		if err := s.Hold(ctx, time.Second); err != nil {
			return err
		}
	}
	s.Heal("both are restarted")
	return nil
}

// nginxKill notes when the killed one is gone: until the kernel has closed its
// sockets, it takes new connections that it will never serve.
func nginxKill(ctx context.Context, s *Scene) error {
	p, err := s.Process(s.Variant)
	if err != nil {
		return err
	}
	s.Fault(p.Name() + " killed")
	if err := p.Kill(); err != nil {
		return err
	}
	s.Step(p.Name() + " is gone")
	if err := s.Hold(ctx, away); err != nil {
		return err
	}
	if err := p.Launch(); err != nil {
		return err
	}
	s.Heal(p.Name() + " started")
	return nil
}
