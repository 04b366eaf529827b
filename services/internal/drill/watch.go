package drill

import (
	"context"
	"time"

	"evergreen/services/internal/drill/history"
)

// watchEvery is how often the Sentinels are asked who is primary: a picture of a
// failover of seconds needs no more.
const watchEvery = 100 * time.Millisecond

// watch notes who is primary, and each change, until ctx ends; the channel that it
// gives is closed then. Nothing is noted of a time in which no two Sentinels agree.
func watch(ctx context.Context, s Stack, note func(what, text string)) <-chan struct{} {
	over := make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for before := ""; ; {
			if name, err := s.Primary(ctx); err == nil && name != before {
				note(history.Primary, name)
				before = name
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return over
}
