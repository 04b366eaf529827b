package stack

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Up starts all services that are down, each kind when the one before it can be
// used, and Redis together with the Sentinels: they ask each other.
func (s *Stack) Up(ctx context.Context) error {
	if err := s.launch(kindRedis, kindSentinel); err != nil {
		return err
	}
	if err := s.ready(ctx, kindRedis); err != nil {
		return err
	}
	if err := s.sentinelsReady(ctx); err != nil {
		return err
	}
	for _, together := range [][]kind{{kindAPI}, {kindNginx, kindPrometheus}, observers()} {
		if err := s.launch(together...); err != nil {
			return err
		}
		if err := s.ready(ctx, together...); err != nil {
			return err
		}
	}
	return s.launch(kindBackup) // The shop is open without it, so it is not waited for.
}

// observers come last: an nginx exporter ends when there is no nginx at its start.
func observers() []kind {
	return []kind{kindRedisExporter, kindNginxExporter, kindNodeExporter, kindMail, kindAlertmanager, kindGrafana}
}

func (s *Stack) launch(kinds ...kind) error {
	for _, p := range s.ofKind(kinds...) {
		if err := p.start(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) ready(ctx context.Context, kinds ...kind) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, p := range s.ofKind(kinds...) {
		all.Go(func() error { return p.awaitReady(ctx) })
	}
	return all.Wait()
}

// sentinelsReady has the Sentinels ask the primary for its replicas each second
// while it waits. They ask every 10 s, and the first time is mostly too early: a
// first start would take that long for nothing.
func (s *Stack) sentinelsReady(ctx context.Context) error {
	s.sentinelsAskEvery(ctx, "1000")
	defer s.sentinelsAskEvery(ctx, "10000")
	return s.ready(ctx, kindSentinel)
}

func (s *Stack) sentinelsAskEvery(ctx context.Context, milliseconds string) {
	for _, p := range s.ofKind(kindSentinel) {
		// Redis has this from 7.0 on. Elsewhere it is only about time.
		_, _ = s.Redis(ctx, p.Name(), "SENTINEL", "DEBUG", "INFO-PERIOD", milliseconds)
	}
}
