package redisdb

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"evergreen/services/internal/fault"
)

// Strong reads. A strong read rides in a commit group, behind the group's writes: its
// commands, the INCR and the WAIT go over one connection to one primary, so what it
// has read belongs to the acknowledgement that follows. One INCR and one WAIT serve
// all reads of a group.
//
// Reads wait in a queue of their own, so that they take no place of a write. Each
// Reader has places of its own there, and each caller only some of them. A group takes
// a bounded amount of reads, in turn from each Reader.

// Reader says for whom a strong read is made.
type Reader int

// The Readers.
const (
	// ReaderShop is the shop itself: a write or a log-in that has to know the present
	// state. Such reads count as writes.
	ReaderShop Reader = iota
	// ReaderAdmin is a signed-in admin.
	ReaderAdmin
	// ReaderCustomer is a signed-in customer.
	ReaderCustomer
	// ReaderAnonymous is a caller without a valid session.
	ReaderAnonymous

	readers = iota
)

// String gives the Reader as a label.
func (r Reader) String() string { return [readers]string{"shop", "admin", "customer", "anonymous"}[r] }

// queued are the Readers that have places in the queue of reads.
func queued() []Reader { return []Reader{ReaderAdmin, ReaderCustomer, ReaderAnonymous} }

// Bounds of the strong reads.
const (
	// maxReads is how many reads of one Reader wait at most.
	maxReads = 500
	// maxReadsOfCaller is how many reads of one customer or one address wait at most.
	maxReadsOfCaller = 32
	// readsBesideWrites and commandsBesideWrites bound the reads of a group that has writes.
	readsBesideWrites, commandsBesideWrites = 32, 128
	// commandsAlone bounds the reads of a group without writes; their number has the bound of every group.
	commandsAlone = 512
)

// ErrReadsBusy says that too many strong reads are waiting already.
var ErrReadsBusy = &fault.Error{Kind: fault.Unavailable, Code: "busy", RetryAfter: 2 * time.Second,
	Detail: "Too many reads of the present state are waiting for the store. Reads without Cache-Control: no-cache are answered."}

// readQueue holds the strong reads that wait for a group. Callers and the committer's loop share it.
type readQueue struct {
	arrived chan struct{} // tells the loop of a first read; it has room for one
	// unbounded takes the queue's bounds away and lets its reads count as writes: only in the drill (weakness_drill.go).
	unbounded bool

	mutex   sync.Mutex
	held    [readers]int
	callers [readers]map[string]int
	waiting [readers][]*item
	turn    int // which Reader's read is taken first into the next group
}

func newReadQueue() *readQueue {
	q := &readQueue{arrived: make(chan struct{}, 1)}
	for i := range q.callers {
		q.callers[i] = map[string]int{}
	}
	return q
}

// enter takes a place for a read and queues it; leave gives the place back.
func (q *readQueue) enter(it *item, r Reader, caller string) (leave func(), err error) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	// What was given up still waits until the loop looks through the queue.
	if q.held[r] >= maxReads || len(q.waiting[r]) >= maxReads || (r != ReaderAdmin && q.callers[r][caller] >= maxReadsOfCaller) {
		return nil, ErrReadsBusy
	}
	q.held[r]++
	q.callers[r][caller]++
	it.reader = r
	q.waiting[r] = append(q.waiting[r], it)
	select {
	case q.arrived <- struct{}{}:
	default: // it is told already
	}
	return func() { q.leave(r, caller) }, nil
}

func (q *readQueue) leave(r Reader, caller string) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.held[r]--
	if q.callers[r][caller]--; q.callers[r][caller] == 0 {
		delete(q.callers[r], caller)
	}
}

// holds gives how many reads of a Reader have no answer yet.
func (q *readQueue) holds(r Reader) int {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.held[r]
}

// length is how many reads wait for a group.
func (q *readQueue) length() (n int) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for _, waiting := range q.waiting {
		n += len(waiting)
	}
	return n
}

// forget lets go of what is over.
func (q *readQueue) forget(now time.Time) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for r, waiting := range q.waiting {
		q.waiting[r] = slices.DeleteFunc(waiting, func(it *item) bool { return it.over(now) })
	}
}

// back queues what a group left undone: first it is, when the group was acknowledged.
func (q *readQueue) back(left []*item, first bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for _, r := range queued() {
		own := slices.DeleteFunc(slices.Clone(left), func(it *item) bool { return it.reader != r })
		if first {
			q.waiting[r] = append(own, q.waiting[r]...)
		} else {
			q.waiting[r] = append(q.waiting[r], own...)
		}
	}
}

// trust lets all reads that wait ride with as many as any other.
func (q *readQueue) trust(most int) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for _, waiting := range q.waiting {
		for _, it := range waiting {
			it.fits = most
		}
	}
}

// join adds waiting reads to a group, from each Reader in turn: up to room, and up to
// so many commands, but one at least of a group that is empty. A read that went down
// with earlier groups says itself how many may ride with it; most is how many may
// ride with any other.
func (q *readQueue) join(group []*item, room, commands, most int) []*item {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	begun, taken := len(group), 0
	for empty := 0; empty < readers && len(group)-begun < room; q.turn++ {
		r := q.turn % readers
		if !q.fits(r, len(group), commands-taken, most) {
			empty++
			continue
		}
		it := q.waiting[r][0]
		group, q.waiting[r] = append(group, it), q.waiting[r][1:]
		taken, empty = taken+it.size, 0
		if it.fits < most {
			room = min(room, it.fits-begun)
		}
	}
	return group
}

// fits holds when the first read of a Reader may ride in a group of so many, with so many commands left.
func (q *readQueue) fits(r, size, commands, most int) bool {
	if len(q.waiting[r]) == 0 {
		return false
	}
	it := q.waiting[r][0]
	return size == 0 || (it.size <= commands && (it.fits >= most || size < it.fits))
}

// readStrong rides in a commit group: when its answer is told, no other node has been
// promoted over the primary that gave it. An answer that has seen fewer commits than
// asked for is given all the same: every acknowledged write is in it.
func (db *DB) readStrong(ctx context.Context, queue question, commands int) error {
	r := readingOf(ctx)
	if r.Allow != nil {
		if err := r.Allow(); err != nil {
			return err
		}
	}
	if db.Restoring() {
		return ErrRestoring
	}
	var own []redis.Cmder
	var history *redis.StringCmd
	other := false
	err := db.committer.submitRead(&item{
		deadline: db.deadline(ctx), size: commands,
		queue: func(ctx context.Context, pipe redis.Pipeliner) {
			before := pipe.Len()
			queue(ctx, pipe)
			history = pipe.Get(ctx, KeyHistory())
			own = pipe.Cmds()[before:]
		},
		told: func(int64) error {
			if err := firstError(own); err != nil || history == nil {
				return err
			}
			other = !db.inHistory(history.Val())
			return nil
		},
	}, r.Reader, r.Caller)
	if err != nil {
		db.metrics.read(sourceNobody)
	}
	if errors.Is(err, ErrReadsBusy) {
		db.metrics.readRefused(r.Reader)
	}
	if errors.Is(err, ErrOutcomeUnknown) {
		return ErrUnavailable // a read has no outcome to be unsure of
	}
	if err != nil {
		return final(err, "strong read")
	}
	if other {
		db.metrics.read(sourceNobody)
		return ErrRestoring
	}
	db.metrics.read(sourceGroup)
	return nil
}
