// Package lane bounds how many pieces of costly work go on at once, how many wait for it, and how much of a core it takes.
package lane

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The refusals of Enter.
var (
	// ErrBusy says that as many wait as may wait.
	ErrBusy = errors.New("too many wait")
	// ErrCallerBusy says that as many of this caller wait as may wait.
	ErrCallerBusy = errors.New("too many of this caller wait")
)

// Lane has slots for work of one kind, and a queue before them.
type Lane struct {
	slots chan struct{}
	most  int // in a slot or in the queue
	rests int // how many times the time of the work its slot rests after it
	// mostOfCaller is how many of one caller there may be; 0: as many as of all.
	mostOfCaller int
	turnRests    int // how many times the time of the work its caller's turn rests after it

	mutex   sync.Mutex
	inside  int
	callers map[string]*turns // those that are here
}

// turns are what one caller has here, of which one at a time has a slot or waits for one.
type turns struct {
	turn   chan struct{}
	inside int
}

// New makes a Lane for so much work at once, and so much that waits.
func New(atOnce, queued int) *Lane {
	return &Lane{slots: make(chan struct{}, atOnce), most: atOnce + queued, callers: map[string]*turns{}}
}

// Resting has a slot rest after each piece of work, so many times as long as that took. With 3, a slot takes a quarter of a
// core at most.
func (l *Lane) Resting(times int) *Lane {
	l.rests = times
	return l
}

// TakingTurns has so many of one caller be here at most. They go one after the other, so that work of another
// caller waits for one of them. Between two of them the caller rests, so many times as long as the first took.
// Work of the caller "" takes no turns.
func (l *Lane) TakingTurns(mostOfCaller, rests int) *Lane {
	l.mostOfCaller, l.turnRests = mostOfCaller, rests
	return l
}

// Enter waits for a slot, in the order of arrival. With too many waiting, or too many of the caller, it refuses at once.
// Leave is told how long the work took; 0: there was none.
func (l *Lane) Enter(ctx context.Context, caller string) (leave func(took time.Duration), err error) {
	own, err := l.arrive(caller)
	if err != nil {
		return nil, err
	}
	select {
	case own.turn <- struct{}{}:
	case <-ctx.Done():
		l.depart()
		l.forget(own, caller)
		return nil, ctx.Err()
	}
	select {
	case l.slots <- struct{}{}:
		return func(took time.Duration) { l.leave(own, caller, took) }, nil
	case <-ctx.Done():
		l.depart()
		l.endTurn(own, caller)
		return nil, ctx.Err()
	}
}

// leave gives the slot and the turn back once they have rested, and all else at once.
func (l *Lane) leave(own *turns, caller string, took time.Duration) {
	l.depart()
	after(took*time.Duration(l.turnRests), func() { l.endTurn(own, caller) })
	after(took*time.Duration(l.rests), func() { <-l.slots })
}

// after calls do once that long has passed: at once if it is 0.
func after(rest time.Duration, do func()) {
	if rest <= 0 {
		do()
		return
	}
	time.AfterFunc(rest, do)
}

// arrive counts one more. Without turns, or without a caller, each has its own.
func (l *Lane) arrive(caller string) (*turns, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.inside >= l.most {
		return nil, ErrBusy
	}
	own := &turns{turn: make(chan struct{}, 1)}
	if l.mostOfCaller > 0 && caller != "" {
		if there := l.callers[caller]; there != nil {
			own = there
		}
		if own.inside >= l.mostOfCaller {
			return nil, ErrCallerBusy
		}
		own.inside++
		l.callers[caller] = own
	}
	l.inside++
	return own, nil
}

func (l *Lane) depart() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.inside--
}

// endTurn lets the caller's next one go on.
func (l *Lane) endTurn(own *turns, caller string) {
	<-own.turn
	l.forget(own, caller)
}

// forget counts one of the caller less. A caller that rests is still counted.
func (l *Lane) forget(own *turns, caller string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if own.inside--; own.inside == 0 {
		delete(l.callers, caller)
	}
}

// Inside is how many have a slot or wait for one.
func (l *Lane) Inside() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.inside
}
