package backup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/failpoint"
)

// spool has the segments that are made and not yet in all targets, as files in a directory. It has a bound.
type spool struct {
	dir   string
	bound int64
	gauge func(bytes int64)

	mu      sync.Mutex
	bytes   int64
	changed chan struct{}
}

// newSpool begins with an empty directory: what a killed service left there is of a chain that it cannot continue.
func newSpool(dir string, bound int64, gauge func(int64)) (*spool, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &spool{dir: dir, bound: bound, gauge: gauge, changed: make(chan struct{})}, nil
}

// entry is a segment in the spool. It is removed when it is released as often as it was held.
type entry struct {
	archive.Sidecar
	// full is what is noted after the last segment of a full backup; nil after all others.
	full *archive.Full
	// increment says that the segment was shipped after the full backup.
	increment bool

	path    string
	spool   *spool
	holders int
}

// hasRoom reports whether the spool is below its bound; changes tells when that may have changed.
func (s *spool) hasRoom() (room bool, changes <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes < s.bound, s.changed
}

// wait returns when there is room. full is called each time when there is none.
func (s *spool) wait(ctx context.Context, full func() error) error {
	for {
		room, changes := s.hasRoom()
		if room {
			return nil
		}
		if err := full(); err != nil {
			return err
		}
		if room, _ := s.hasRoom(); room {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changes:
		}
	}
}

// make writes a segment into the spool.
func (s *spool) make(seal func(*os.File) (archive.Sidecar, error)) (*entry, error) {
	file, err := os.CreateTemp(s.dir, "segment-")
	if err != nil {
		return nil, err
	}
	failpoint.Pass("backup-sealing")
	sidecar, err := seal(file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(file.Name()) // The directory is emptied at the next start in any case.
		return nil, err
	}
	path := filepath.Join(s.dir, fmt.Sprintf("%s-%05d", sidecar.Chain, sidecar.Index))
	if err := os.Rename(file.Name(), path); err != nil {
		return nil, err
	}
	s.add(sidecar.Bytes)
	return &entry{Sidecar: sidecar, path: path, spool: s}, nil
}

func (s *spool) add(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += bytes
	s.gauge(s.bytes)
	close(s.changed)
	s.changed = make(chan struct{})
}

// hold says that one more target needs the entry, release that one less does.
func (e *entry) hold() {
	e.spool.mu.Lock()
	defer e.spool.mu.Unlock()
	e.holders++
}

func (e *entry) release() {
	e.spool.mu.Lock()
	e.holders--
	last := e.holders == 0
	e.spool.mu.Unlock()
	if last {
		_ = os.Remove(e.path) // The directory is emptied at the next start in any case.
		failpoint.Pass("ship-spool-removed")
		e.spool.add(-e.Bytes)
	}
}
