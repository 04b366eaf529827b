package load

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"evergreen/services/internal/drill/history"
)

// Counts are what a progress bar shows, in requests. Failed are those of the
// answered that were answered 5xx or 429, or not at all; Unsent are ticks at which
// nothing was sent, because too much was under way.
type Counts struct{ Sent, Answered, Failed, Unsent int }

// record is what is known of the run so far.
type record struct {
	mu      sync.Mutex
	begin   time.Time
	counts  Counts
	ops     []history.Op // in the order of their answers; never changed again
	events  []history.Event
	changed chan struct{} // closed and made anew with each answer
}

func newRecord() *record { return &record{changed: make(chan struct{})} }

func (r *record) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begin = time.Now()
}

func (r *record) now() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.elapsed()
}

// elapsed is now for those who hold the lock.
func (r *record) elapsed() time.Duration {
	if r.begin.IsZero() {
		return 0
	}
	return time.Since(r.begin)
}

// sent gives a request its ID and its time, in one step, so that the IDs are in the
// order of the starts. Without a Logical it is the first of a new operation.
func (r *record) sent(op *history.Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Sent++
	op.ID, op.Start = r.counts.Sent, r.elapsed()
	if op.Logical == 0 {
		op.Logical = op.ID
	}
}

func (r *record) answered(op history.Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Answered++
	if failed(op) {
		r.counts.Failed++
	}
	r.ops = append(r.ops, op)
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *record) leaveOut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Unsent++
}

func (r *record) event(what, text string) { r.note(history.Event{What: what, Text: text}) }

// note adds an event that happens now.
func (r *record) note(e history.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.At = r.elapsed()
	r.events = append(r.events, e)
}

func (r *record) tally() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts
}

// since gives the answers from number n on, and what is closed with the next one.
func (r *record) since(n int) ([]history.Op, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ops[n:], r.changed
}

// history gives all that was seen, the operations in the order of their starts.
func (r *record) history() *history.History {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &history.History{Begin: r.begin, Ops: slices.Clone(r.ops), Events: slices.Clone(r.events)}
	slices.SortFunc(h.Ops, func(a, b history.Op) int { return a.ID - b.ID })
	if r.counts.Unsent > 0 {
		h.Events = append(h.Events, history.Event{At: r.elapsed(), What: history.Injected,
			Text: strconv.Itoa(r.counts.Unsent) + " requests were not sent, because too many were under way"})
	}
	return h
}
