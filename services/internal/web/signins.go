package web

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxKnownSignIns bounds the table of sign-ins that a replica counts by itself. The
// subject that was counted longest ago leaves it first.
const maxKnownSignIns = 10_000

// signIns counts sign-ins in this replica alone, as rate.lua does in Redis: of each
// subject it keeps the time at which its bucket, a minute's worth, will be full again.
type signIns struct {
	mutex sync.Mutex
	full  *lru.Cache[string, time.Time]
}

func newSignIns() (*signIns, error) {
	full, err := lru.New[string, time.Time](maxKnownSignIns)
	return &signIns{full: full}, err
}

// shareOf is the part of a limit that one of the replicas grants, at least 1.
func shareOf(perMinute, replicas int) int {
	replicas = max(1, replicas)
	return max(1, (perMinute+replicas-1)/replicas)
}

// count counts one sign-in and gives how long the caller has to wait; 0 while it is within perMinute.
func (s *signIns) count(subject string, perMinute int, now time.Time) time.Duration {
	if without(noSignInMemory) {
		return 0
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	full, known := s.full.Get(subject)
	if !known || full.Before(now) {
		full = now
	}
	full = full.Add(time.Minute / time.Duration(perMinute))
	if wait := full.Sub(now) - time.Minute; wait > 0 {
		return wait
	}
	s.full.Add(subject, full)
	return 0
}
