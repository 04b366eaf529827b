package backup

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/failpoint"
	"evergreen/services/ops/backup/target"
)

// shipper brings segments into one target, in their order, and tries again for as long as it takes. Other targets do not
// wait for it.
type shipper struct {
	address string
	open    func() (target.Store, error)
	metrics *Metrics
	log     *slog.Logger
	limiter *rate.Limiter
	pause   time.Duration

	// changes is called when the target got a full backup, failed, or is left out.
	changes func()

	mu       sync.Mutex
	store    target.Store
	queue    []*entry
	wake     chan struct{}
	skipped  string // the chain of which no more is taken
	full     string // the chain whose full backup was put last
	failures int    // in a row
}

// add queues an entry, and reports whether it did: not if its chain is left out.
func (s *shipper) add(e *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.skipped == e.Chain {
		return false
	}
	s.skipped = ""
	e.hold()
	s.queue = append(s.queue, e)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return true
}

// leaveOut drops what is queued: the target gets nothing of these chains any more.
func (s *shipper) leaveOut() {
	s.mu.Lock()
	queue := s.queue
	if len(queue) > 0 {
		s.skipped = queue[len(queue)-1].Chain
	}
	s.queue = nil
	s.mu.Unlock()
	for _, e := range queue {
		e.release()
	}
	s.changes()
}

// waiting is how many segments are not in the target yet.
func (s *shipper) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// isLeftOut reports whether the target gets nothing of a chain any more.
func (s *shipper) isLeftOut(chain string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.skipped == chain
}

// isGivenUp reports whether the target failed so many times in a row; 0 is never.
func (s *shipper) isGivenUp(tries int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return tries > 0 && s.failures >= tries
}

// hasFull reports whether the full backup of a chain is in the target.
func (s *shipper) hasFull(chain string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full == chain
}

// next gives the first entry of the queue, when there is one.
func (s *shipper) next(ctx context.Context) *entry {
	for {
		s.mu.Lock()
		if len(s.queue) > 0 {
			defer s.mu.Unlock()
			return s.queue[0]
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
	}
}

// run ships until the context ends.
func (s *shipper) run(ctx context.Context) {
	for {
		next := s.next(ctx)
		if next == nil || ctx.Err() != nil {
			return
		}
		if err := s.ship(ctx, next); err != nil {
			s.failed(ctx, err)
			continue
		}
		s.done(next)
	}
}

// failed notes a failure and waits before the next try: longer each time, up to a minute.
func (s *shipper) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.metrics.targetFailures.WithLabelValues(s.address).Inc()
	s.mu.Lock()
	s.failures++
	failures := s.failures
	s.mu.Unlock()
	s.changes()
	pause := min(s.pause<<min(failures-1, 10), time.Minute)
	s.log.Error("a target failed; it is tried again", "target", s.address, "error", err, "failures", failures, "pause", pause.String())
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// done takes the entry off the queue, if it was not left out meanwhile.
func (s *shipper) done(e *entry) {
	s.mu.Lock()
	s.failures = 0
	has := len(s.queue) > 0 && s.queue[0] == e
	if has {
		s.queue = s.queue[1:]
		if e.full != nil {
			s.full = e.Chain
		}
	}
	s.mu.Unlock()
	if !has {
		return
	}
	e.release()
	s.metrics.shippedBytes.Add(float64(e.Bytes))
	if e.increment || e.full != nil {
		s.metrics.lastShipped.WithLabelValues(s.address).Set(float64(e.HeartbeatMillis) / 1000)
	}
	if e.full != nil {
		s.metrics.fulls(*e.full)
		s.changes()
	}
}

// target opens the target if it is not open.
func (s *shipper) target() (target.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.store == nil {
		s.store, err = s.open()
	}
	return s.store, err
}

// ship puts one segment, its sidecar, and what follows the last segment of a full backup. Increments and sidecars are read back: a
// target that says that it has stored what it has not is found at once. The full backup is read back by the verifier.
func (s *shipper) ship(ctx context.Context, e *entry) error {
	store, err := s.target()
	if err != nil {
		return err
	}
	file, err := os.Open(e.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // It was left out.
	}
	if err != nil {
		return err
	}
	defer file.Close()
	failpoint.Pass("ship-before-put")
	if err := archive.PutSegment(ctx, store, e.Sidecar, &paced{ctx: ctx, from: file, limiter: s.limiter, pass: true}); err != nil {
		return err
	}
	failpoint.Pass("ship-put")
	if e.increment {
		if err := archive.Check(ctx, store, e.Sidecar); err != nil {
			return err
		}
		failpoint.Pass("ship-read-back")
	}
	if err := archive.PutSidecar(ctx, store, e.Sidecar); err != nil {
		return err
	}
	if err := archive.CheckSidecar(ctx, store, e.Sidecar); err != nil {
		return err
	}
	failpoint.Pass("ship-sidecar")
	if e.full == nil {
		return nil
	}
	if err := archive.PutFull(ctx, store, *e.full); err != nil {
		return err
	}
	failpoint.Pass("ship-full")
	return nil
}

// paced reads no faster than a limiter allows.
type paced struct {
	ctx     context.Context
	from    io.Reader
	limiter *rate.Limiter
	pass    bool
}

func (p *paced) Read(into []byte) (int, error) {
	n, err := p.from.Read(into[:min(len(into), p.limiter.Burst())])
	if p.pass {
		failpoint.Pass("ship-putting")
		p.pass = false
	}
	if n > 0 {
		if waited := p.limiter.WaitN(p.ctx, n); waited != nil {
			return n, waited
		}
	}
	return n, err
}
