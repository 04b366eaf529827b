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
// caller waits for one of them.
func (l *Lane) TakingTurns(mostOfCaller int) *Lane {
	l.mostOfCaller = mostOfCaller
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
		l.depart(caller)
		return nil, ctx.Err()
	}
	select {
	case l.slots <- struct{}{}:
		return func(took time.Duration) { l.leave(own, caller, took) }, nil
	case <-ctx.Done():
		<-own.turn
		l.depart(caller)
		return nil, ctx.Err()
	}
}

// leave gives the slot back once it has rested, and all else at once.
func (l *Lane) leave(own *turns, caller string, took time.Duration) {
	<-own.turn
	l.depart(caller)
	if rest := took * time.Duration(l.rests); rest > 0 {
		time.AfterFunc(rest, func() { <-l.slots })
		return
	}
	<-l.slots
}

// arrive counts one more. Without turns each has its own.
func (l *Lane) arrive(caller string) (*turns, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.inside >= l.most {
		return nil, ErrBusy
	}
	own := &turns{turn: make(chan struct{}, 1)}
	if l.mostOfCaller > 0 {
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

func (l *Lane) depart(caller string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.inside--
	if own := l.callers[caller]; own != nil {
		if own.inside--; own.inside == 0 {
			delete(l.callers, caller)
		}
	}
}

// Inside is how many have a slot or wait for one.
func (l *Lane) Inside() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.inside
}
