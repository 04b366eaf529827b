package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/scratch"
	"evergreen/services/ops/backup/source"
	"evergreen/services/ops/backup/target"
)

// Service makes, ships and verifies backups. Make it with New, and run Serve or Now once.
type Service struct {
	settings Settings
	metrics  *Metrics
	log      *slog.Logger
	source   source.Source
	dir      string
	lock     *os.File
	spool    *spool
	shippers []*shipper
	limiter  *rate.Limiter
	pause    time.Duration
	// tries is after how many failures in a row a target is given up; 0: never.
	tries int

	mu    sync.Mutex
	lacks map[string]bool // which part of the work found too little room
}

// ErrRunning says that another process does the same work.
var ErrRunning = errors.New("a backup service runs already")

// pacedBytes is what the rate bound lets through at once.
const pacedBytes = 256 << 10

// firstPause is how long the service waits after the first failure in a row.
const firstPause = time.Second

// New prepares a service. Owner is "serve" or "now": one of each can run at the same time.
func New(settings Settings, owner, version string, metrics *Metrics, log *slog.Logger) (*Service, error) {
	s := &Service{
		settings: settings, metrics: metrics, log: log, dir: filepath.Join(settings.Dir, owner), pause: firstPause, lacks: map[string]bool{},
		source:  source.Source{Nodes: settings.Nodes, Login: settings.Login, Owner: owner, Version: version},
		limiter: rate.NewLimiter(rate.Limit(settings.BytesPerSecond), pacedBytes),
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	if err := s.claim(); err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	return s, nil
}

// claim locks the directory for as long as the process lives.
func (s *Service) claim() (err error) {
	if s.lock, err = os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := unix.Flock(int(s.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("%w in %s", ErrRunning, s.dir), s.lock.Close())
	}
	return nil
}

// prepare removes what a killed service left, and makes a shipper for each target.
func (s *Service) prepare() (err error) {
	if err := errors.Join(s.source.RemoveLinks(), os.RemoveAll(s.scratchDir())); err != nil {
		return err
	}
	s.spool, err = newSpool(
		filepath.Join(s.dir, "spool"),
		s.settings.SpoolBytes,
		func(bytes int64) { s.metrics.spoolBytes.Set(float64(bytes)) },
	)
	if err != nil {
		return err
	}
	for _, address := range s.settings.Targets {
		s.shippers = append(s.shippers, &shipper{
			address: address, metrics: s.metrics, log: s.log, limiter: s.limiter, pause: s.pause, wake: make(chan struct{}, 1),
			open: func() (target.Store, error) { return target.Open(address, s.settings.Credentials) },
		})
	}
	return nil
}

func (s *Service) scratchDir() string { return filepath.Join(s.dir, "scratch") }

// Close removes what the service has on the shop's disks, and lets go of its directory.
func (s *Service) Close() error {
	return errors.Join(s.source.RemoveLinks(), os.RemoveAll(s.scratchDir()), s.lock.Close())
}

// Serve makes full backups, ships what is written after them and verifies, until the context ends.
func (s *Service) Serve(ctx context.Context) {
	var workers sync.WaitGroup
	defer workers.Wait()
	verifier := newVerifier(s)
	s.startShippers(ctx, &workers, verifier)
	workers.Go(func() { verifier.run(ctx) })
	workers.Go(func() { s.recall(ctx) })
	cause := causeStart
	for failures := 0; ctx.Err() == nil; {
		chain, err := s.begin(ctx, cause)
		if err != nil {
			failures++
			s.note(ctx, "no full backup could be made", err, failures)
			continue
		}
		failures = 0
		verifier.take(chain.job)
		cause = chain.follow(ctx)
		chain.close()
	}
}

func (s *Service) startShippers(ctx context.Context, workers *sync.WaitGroup, verifier *verifier) {
	for _, ship := range s.shippers {
		ship.changes = verifier.look
		workers.Go(func() { ship.run(ctx) })
	}
}

// nowTries is after how many failures in a row Now gives a target up.
const nowTries = 4

// Now makes one full backup and returns when it is verified in all targets. The error names the targets in which it is not;
// the others have it.
func (s *Service) Now(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	s.tries = nowTries
	verifier := newVerifier(s)
	s.startShippers(ctx, &workers, verifier)
	chain, err := s.begin(ctx, causeStart)
	if err != nil {
		return "", err
	}
	defer chain.close()
	return chain.id, verifier.verify(ctx, chain.job)
}

// note logs and counts a failure and waits before the next try.
func (s *Service) note(ctx context.Context, what string, err error, failures int) {
	if ctx.Err() != nil {
		return
	}
	s.metrics.captureFailures.Inc()
	s.room("capture", err)
	pause := min(s.pause<<min(failures-1, 10), time.Minute)
	s.log.Error(what, "error", err, "failures", failures, "pause", pause.String())
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// room notes whether a part of the work found too little room on this host.
func (s *Service) room(part string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lacks[part] = isNoRoom(err)
	s.metrics.noRoom.Set(0)
	for _, lacks := range s.lacks {
		if lacks {
			s.metrics.noRoom.Set(1)
		}
	}
}

func isNoRoom(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, archive.ErrNoRoom) ||
		errors.Is(err, scratch.ErrNoRoom)
}

// recall reads from the targets what an earlier service has done there.
func (s *Service) recall(ctx context.Context) {
	var verified, full int64
	now := time.Now().UnixMilli() // A note that is of a later time would hide that nothing is made or verified.
	for _, ship := range s.shippers {
		store, err := ship.target()
		if err != nil {
			continue // The shipper says so.
		}
		if directory, is := store.(*target.Directory); is {
			_ = directory.RemoveParts(24 * time.Hour) // They are in nobody's way.
		}
		chains, _ := archive.List(ctx, store)
		for _, chain := range chains {
			if chain.Full != nil && chain.Full.EndedMillis <= now {
				full = max(full, chain.Full.EndedMillis)
			}
			if chain.Verified != nil && chain.Verified.VerifiedMillis <= now {
				verified = max(verified, chain.Verified.VerifiedMillis)
			}
		}
	}
	s.metrics.recalled(verified, full)
}
