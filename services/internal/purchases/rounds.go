package purchases

import (
	"context"
	"sync"
	"time"
)

// rounds repeats a piece of work in the background until it is stopped.
type rounds struct {
	stop context.CancelFunc
	done sync.WaitGroup
}

// start begins to work: a round at every tick, and at once whenever woken has something (nil: never). failed is told of
// an error that was not caused by the stop.
func (r *rounds) start(every time.Duration, woken <-chan struct{}, round func(context.Context) error, failed func(error)) {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-woken:
			}
			if err := round(ctx); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	})
}

// Stop ends the work and waits for the round that is under way. It may be called more than once.
func (r *rounds) Stop() {
	if r.stop != nil {
		r.stop()
		r.done.Wait()
		r.stop = nil
	}
}
