package stack

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// stopLimit bounds Stop as a whole.
const stopLimit = 28 * time.Second

// Stop ends everything in the order in which nobody misses anything: nginx, Prometheus
// and the other observers, the API, the Sentinels, the replicas, the primary. With the
// Sentinels gone no failover begins on the way down. What does not end in its
// time (at the latest after 28 s, or when ctx ends) is killed. Afterwards the
// prefix is free. It may be called again, and returns the same.
func (s *Stack) Stop(ctx context.Context) error { return s.stop(ctx) }

// stopOnce makes later and concurrent calls wait for the first one and return
// its result.
func (s *Stack) stopOnce() func(context.Context) error {
	var once sync.Once
	var result error
	return func(ctx context.Context) error {
		once.Do(func() { result = s.stopAll(ctx) })
		return result
	}
}

func (s *Stack) stopAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	for _, p := range s.processes {
		p.shut()
	}
	s.learnSecrets()
	s.endTogether(ctx, 4*time.Second, s.ofKind(append(observers(), kindNginx, kindPrometheus, kindBackup)...))
	s.endTogether(ctx, 8*time.Second, s.ofKind(kindAPI))
	s.endTogether(ctx, 2*time.Second, s.ofKind(kindSentinel))
	replicas, primaries := s.roles(ctx)
	s.endTogether(ctx, 5*time.Second, replicas)
	s.endTogether(ctx, 8*time.Second, primaries)
	return s.tidy()
}

// endTogether asks these services to end and kills those that have not after the
// grace period.
func (s *Stack) endTogether(ctx context.Context, grace time.Duration, processes []*Process) {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	var all sync.WaitGroup
	for _, p := range processes {
		all.Go(func() {
			if err := p.Terminate(ctx); err != nil {
				s.log.Warn("killed, for it did not end in time", "service", p.Name(), "grace", grace)
				_ = p.Kill() // fails only if it has ended by now
			}
		})
	}
	all.Wait()
}

// roles asks the Redis nodes what they are. A paused or silent one counts as a
// replica: it can have nothing newer than it has on disk.
func (s *Stack) roles(ctx context.Context) (replicas, primaries []*Process) {
	for _, p := range s.ofKind(kindRedis) {
		info, err := ask(ctx, p.Addr(), s.operator(), "INFO", "replication")
		if err == nil && fields(info)["role"] == "master" {
			primaries = append(primaries, p)
		} else {
			replicas = append(replicas, p)
		}
	}
	return replicas, primaries
}

// tidy gives back what New took. The undertaker finds nothing left to kill.
func (s *Stack) tidy() error {
	if s.undertaker != nil {
		s.undertaker.close()
	}
	var err error
	if s.temporary && s.dir != "" {
		err = os.RemoveAll(s.dir)
	}
	if s.lock != nil {
		s.lock.release()
	}
	return errors.Join(err)
}
