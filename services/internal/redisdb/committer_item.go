package redisdb

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"evergreen/services/internal/fault"
)

// item is one thing that rides in a group: a script, or a read that has to be
// as strong as a write.
//
// Two goroutines share it. The loop sends it; its caller waits, and goes away at
// the deadline, whatever the loop is busy with. So what the caller has to know
// then stands under a mutex: above all whether the item may have reached a primary.
type item struct {
	deadline time.Time
	// size is the number of a write's keys and arguments, or of a strong read's commands.
	size int
	// reader is in whose queue a strong read waits; a write has the zero Reader.
	reader Reader
	// queue adds the item's commands to a group's pipeline; told reads what became
	// of them, after the group was acknowledged.
	queue func(ctx context.Context, pipe redis.Pipeliner)
	told  func(seq int64) error
	done  chan error // has room for the one answer, so that telling never waits

	// fits is the most that may ride in a group together with it. It belongs to the
	// loop, and shrinks with each group that broke off: see unsettled.
	fits int

	mutex   sync.Mutex
	flying  bool  // in the group that is under way
	sent    bool  // it was in an earlier one, and may have been done
	gone    bool  // its caller has been answered
	lastErr error // why it is still waiting
}

// board takes the item into the group that is being sent, unless its caller has
// gone: one who was told that nothing was written must not be made a liar.
func (it *item) board() bool {
	it.mutex.Lock()
	defer it.mutex.Unlock()
	it.flying = !it.gone
	return it.flying
}

// back takes it out of a group that did not settle it.
func (it *item) back(err error, maybeDone bool) {
	it.mutex.Lock()
	defer it.mutex.Unlock()
	it.flying, it.sent, it.lastErr = false, it.sent || maybeDone, err
}

// maybeDone holds when a group that it was in, before the last, may have done it.
func (it *item) maybeDone() bool {
	it.mutex.Lock()
	defer it.mutex.Unlock()
	return it.sent
}

// verdict is what a caller is told after a try that ended in err. That there was no
// memory for this try is no answer if an earlier one may have been done.
func (it *item) verdict(err error) error {
	it.mutex.Lock()
	defer it.mutex.Unlock()
	if classify(err) == full && it.sent {
		it.lastErr = err
		return it.unsettled()
	}
	return err
}

// over holds when nobody waits for it any longer. At the deadline its caller is
// told so, if it has not noticed yet.
func (it *item) over(now time.Time) bool {
	it.mutex.Lock()
	defer it.mutex.Unlock()
	if !it.gone && !now.Before(it.deadline) {
		it.gone = true
		it.done <- it.unsettled()
	}
	return it.gone
}

// giveUp is the caller's going away, with the answer if there is one after all.
func (it *item) giveUp() error {
	it.mutex.Lock()
	defer it.mutex.Unlock()
	select {
	case err := <-it.done:
		return err
	default:
		it.gone = true
		return it.unsettled()
	}
}

// unsettled is what a caller is told without an answer: that the outcome is
// unknown if the item was ever sent, or is just being sent; else that surely
// nothing was written.
func (it *item) unsettled() error {
	as := ErrUnavailable
	if it.sent || it.flying {
		as = ErrOutcomeUnknown
	}
	err := fault.Wrap(it.lastErr, as.Kind, as.Code, as.Detail)
	err.RetryAfter = as.RetryAfter
	return err
}
