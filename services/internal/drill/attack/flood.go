package attack

import (
	"context"
	"sync"
	"time"

	"evergreen/services/internal/drill/load"
)

// Flood is a stream of requests.
type Flood struct {
	// PerSecond is how many begin a second; 0: as fast as they are answered.
	PerSecond int
	// Burst is how many begin at each tick; 0 is 1. The rate stays PerSecond.
	Burst int
	// AtATime is how many may be under way; the next one waits for a place.
	AtATime int
	// Most ends the flood after so many requests; 0 is no end before ctx's.
	Most int
	// Send sends the request of a number, 0 and up.
	Send func(ctx context.Context, number int) (load.Answer, error)
}

// Flood sends requests until ctx ends or there were Most, and counts the answers. It waits for the last ones.
func (s *Scene) Flood(ctx context.Context, f Flood) error {
	var flying sync.WaitGroup
	defer flying.Wait()
	slots := make(chan struct{}, max(1, f.AtATime))
	burst := max(1, f.Burst)
	due := time.Now()
	for number := 0; f.Most == 0 || number < f.Most; number++ {
		if f.PerSecond > 0 && number%burst == 0 {
			due = due.Add(time.Second * time.Duration(burst) / time.Duration(f.PerSecond))
			if !waitUntil(ctx, due) {
				return nil
			}
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		flying.Go(func() {
			defer func() { <-slots }()
			a, err := f.Send(ctx, number)
			if err != nil && ctx.Err() != nil {
				return // broken off at the end of the attack
			}
			s.Count(named(a, err))
		})
	}
	return nil
}

// waitUntil waits for a time; false: ctx ended before.
func waitUntil(ctx context.Context, due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
