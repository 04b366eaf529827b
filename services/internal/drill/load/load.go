// Package load is the drill's clients: they buy, pay, cancel, adjust, edit and
// read through nginx at a steady rate, and note everything.
//
// # How a purchase is recognised again
//
// The audit must tell a purchase that was made twice from two purchases. An
// Idempotency-Key or an external_ref would tell them apart, but either would also
// keep the shop from making the second one, and so hide the very mistake that is
// looked for where neither was sent. So whatever an admin buys for a customer is
// bought at an agreed unit price that no other operation has: its Mark. Prices are
// only frozen, never compared, so a mark prevents nothing. Two purchases with one
// mark are one operation done twice; a mark that was acknowledged and that no
// purchase has is a purchase lost; a mark that is none of ours was not asked for.
// Marks begin at MarkBase, and list prices stay below it. What customers buy for
// themselves, at list price, is recognised by the id in the answer alone: that half
// of the purchases is there because it takes another way through the shop.
//
// # What is sent
//
// The load is open: a request begins at each tick, however many others wait, so a
// shop that stands still is not spared the requests that it keeps waiting. Besides
// the ticks there are requests sent again: a write with a key, until its outcome is
// definite; some writes with a key although they were answered, and some twice at
// once. A write without a key is sent once, whatever comes of it.
//
// A client is a person with a Consistency-Token of their own; all share their
// connections. Go's transport sends a GET again by itself if a kept connection turns
// out to be closed, as RFC 9112 9.3.1 has it; writes it does not, see Keyed.
package load

import (
	"context"
	"sync"
	"time"

	"evergreen/services/internal/drill/history"
)

// mostUnderWay bounds the operations that have begun and are not over: at the
// default rates ten seconds' worth. A tick beyond it sends nothing and is counted.
const mostUnderWay = 4000

// lastResends is how long after Stop a write is still sent again.
const lastResends = 15 * time.Second

// Options say where the shop is and what it has to bear.
type Options struct {
	// URL is the shop's, as clients use it; the admin's login makes products and customers.
	URL, AdminEmail, AdminPassword string
	// Writes and Reads are how many operations of each kind begin per second; 0 is 200.
	Writes, Reads int
	// Products and Customers are how many are made. 0 products are 12: then a run of
	// 25 s at 200 writes a second has about 600 operations on each, which the check for
	// linearizability can decide. 0 customers are 4, or more at higher rates: a user may
	// send 100 requests a second, and stays at a third of that.
	Products, Customers int
	// Again is how many of 100 writes with a key are sent once more after they were answered; 0 is 8.
	Again int
	// Unedited is how many of the products, the last ones, the mix does not edit: Edits does.
	Unedited int
	// Seed decides what is sent: the same seed gives the same mix.
	Seed uint64
}

func (o Options) withDefaults() Options {
	orElse := func(value *int, other int) {
		if *value == 0 {
			*value = other
		}
	}
	orElse(&o.Writes, 200)
	orElse(&o.Reads, 200)
	orElse(&o.Products, 12)
	orElse(&o.Again, 8)
	orElse(&o.Customers, max(4, (o.Writes+o.Reads)/100))
	return o
}

// Load is a running load; Prepare makes one.
type Load struct {
	options          Options
	admin            *Client
	products         []string
	staff, customers []*person
	initial          map[string]history.Ledger
	run              string // part of every key, so that no run meets another's keys
	shop             *knowledge
	record           *record
	reservations     []history.Reservation // that end during the load

	ctx      context.Context // of the requests
	cancel   context.CancelFunc
	slots    chan struct{} // holds one element for each operation under way
	flying   sync.WaitGroup
	stopping chan struct{}
	stop     sync.Once
	until    time.Time // when the last write is sent again; set before stopping is closed
}

// Start begins the load.
func (l *Load) Start() {
	l.record.start()
	l.flying.Add(2)
	go l.every(l.options.Writes, newMix(l, 1).write)
	go l.every(l.options.Reads, newMix(l, 2).read)
}

// every begins what next gives, so many times a second. Ticks that come late are
// made up for, or a busy machine would lower the rate.
func (l *Load) every(rate int, next func() []task) {
	defer l.flying.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for due := time.Now(); ; due = due.Add(time.Second / time.Duration(rate)) {
		timer.Reset(time.Until(due))
		select {
		case <-l.stopping:
			return
		case <-timer.C:
		}
		for _, t := range next() {
			l.launch(t)
		}
	}
}

func (l *Load) launch(t task) {
	select {
	case l.slots <- struct{}{}:
	default:
		l.record.leaveOut()
		return
	}
	l.flying.Add(1)
	go func() {
		defer func() { <-l.slots; l.flying.Done() }()
		l.perform(t)
	}()
}

// Event notes that something was done to the shop now; what is one of history's.
func (l *Load) Event(what, text string) { l.record.event(what, text) }

// Now is the time since the history's Begin, which is when Start was called; 0
// before that.
func (l *Load) Now() time.Duration { return l.record.now() }

// Await returns when n answered operations are accepted; old ones count too. The
// error says that ctx ended before.
func (l *Load) Await(ctx context.Context, n int, accept func(history.Op) bool) error {
	for seen, found := 0, 0; ; {
		ops, changed := l.record.since(seen)
		seen += len(ops)
		for _, op := range ops {
			if accept(op) {
				found++
			}
		}
		if found >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Counts tells how far the load is.
func (l *Load) Counts() Counts { return l.record.tally() }

// Products lists the ids of the load's products.
func (l *Load) Products() []string { return append([]string(nil), l.products...) }

// Customers lists the ids of the load's customers.
func (l *Load) Customers() []string {
	ids := make([]string, len(l.customers))
	for i, c := range l.customers {
		ids[i] = c.user
	}
	return ids
}

// Admin speaks to the shop as its admin, for requests that are not in the history.
func (l *Load) Admin() *Client { return l.admin }

// Stop begins no more operations, and returns when all that have begun are over:
// after 35 s at the most. When ctx ends before, what is under way is broken off, its
// outcomes are unknown, and the error says so.
func (l *Load) Stop(ctx context.Context) error {
	l.stop.Do(func() {
		l.until = time.Now().Add(lastResends)
		close(l.stopping)
	})
	over := make(chan struct{})
	go func() { l.flying.Wait(); close(over) }()
	defer l.cancel()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		l.cancel()
		<-over
		return ctx.Err()
	}
}
