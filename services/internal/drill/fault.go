// Package drill tries to prove the shop wrong: it starts a stack, lets clients
// buy and read through nginx, does one thing to it, heals it, and holds all that
// the clients saw against the promises. A control is the same with one safeguard
// taken out: it has to go red, or the drill could not see what it looks for.
package drill

import (
	"context"
	"time"

	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/drill/load"
	"evergreen/services/internal/stack"
)

// Fault is one thing that happens to the shop, or one control.
type Fault struct {
	// Slug names it on the command line and in files, such as "primary-crash".
	Slug string
	// Title says it in a few words, as a person would.
	Title string
	// Promise is what the clients are promised; nil for what is not promised, which
	// is counted only.
	Promise *Promise
	// Variants are what is swept over, one per run in turn; nil is no sweep.
	Variants []string
	// Prepare changes the stack that the run starts; nil leaves it as it ships. A
	// run with a Prepare gets a stack of its own.
	Prepare func(context.Context, *stack.Options) error
	// Settings are those that the fault wants otherwise than they ship. The run gets a
	// stack of its own, and a shop that somebody else has started has to have them.
	Settings map[string]string
	// Fresh is set for what leaves something behind in the processes: the run gets a
	// stack of its own. A Sentinel that was frozen for more than 2 s is in TILT mode for
	// the next 30 s, where it neither votes nor acts.
	Fresh bool
	// Load changes what the clients do; nil leaves it. Furnish changes what the shop has before the load begins.
	Load    func(*load.Options)
	Furnish func(context.Context, *Scene) error
	// Inject does it, and undoes it: when it returns, everything runs again or is
	// about to. The load goes on all the time.
	Inject func(context.Context, *Scene) error
	// Control is set for controls.
	Control *Control
	// Needs says why the run cannot be made here, or "": another version of Redis, a
	// program that is not installed.
	Needs func(context.Context) string
	// Native says why it can be done to processes of this machine only, and Containers
	// why to containers only; "" where it cannot be said of it.
	Native, Containers string
	// Products is how many the clients buy; 0 is 24. While nothing can be written for
	// long, hundreds of writes wait, and all that name one product may take effect in any
	// order: with more products the check for linearizability has fewer orders to try.
	Products int
	// Anywhere is set for what needs no handle on the shop's processes: it can be run
	// against a shop that somebody else has started.
	Anywhere bool
}

// Promise are the bounds of what clients may notice. Lost, doubled, oversold and
// all the rest that check looks for are never allowed.
type Promise struct {
	// WriteGap and ReadGap are the longest times without a good answer, and
	// Resumed from the fault to the first good answer of a write that was sent
	// after it; 0: not bounded.
	WriteGap, ReadGap, Resumed time.Duration
	// WriteGapP95 is what 95 of 100 runs keep, by nearest rank; it is judged once the
	// results of a fault have twenty runs. 0: not bounded.
	WriteGapP95 time.Duration
	// AfterHeal is the longest time from the heal to the next good answer of a write;
	// 0: not bounded.
	AfterHeal time.Duration
	// Slowest is the longest that any request may wait for its answer, good or bad; 0:
	// not bounded.
	Slowest time.Duration
	// Errors is the share of requests that may fail, 0 to 1; ReadErrors of reads that
	// are not as strong as a write: those that are fail as writes do.
	Errors, ReadErrors float64
	// UnderWay lets those requests fail, besides, that were under way at the fault, or
	// began before its first step was done.
	UnderWay bool
	// Cut is the share of requests that may get no answer at all, besides, because an
	// nginx that was asked to end closes the connections that clients keep (before
	// nginx 1.27.4, which has keepalive_min_timeout, at once).
	Cut float64
}

// Control is how often a control may have to be repeated until it is red.
type Control struct {
	// Rate is the measured share of runs that go red, 0 to 1.
	Rate float64
	// Rules are the violations that it has to show, one of them at least.
	Rules []string
}

// Scene is what a fault works on.
type Scene struct {
	Stack Stack
	Load  *load.Load
	// Variant is the one of the fault's Variants that this run is to do.
	Variant string
	// DownAfter is Sentinel's.
	DownAfter time.Duration
	// Net and Settings are those of a shop that somebody else has started; Stack is
	// nil then.
	Net      string
	Settings map[string]string
	// Dir is where a native stack has its files.
	Dir string
	// Last is how long a fault that has no end of its own lasts; 0: as it likes.
	Last time.Duration
	// fields were put into the stored products before the load.
	fields history.Fields
}

// ownStack says that a run gets a stack that no other run has had, and none gets after it.
func (f Fault) ownStack() bool { return f.Prepare != nil || f.Settings != nil || f.Fresh }

// Why some faults can be done to processes of this machine only, or to containers only.
const (
	ofAProcess = "it is done to a process of this machine by its id"
	ofANetwork = "processes that share the loopback interface cannot be cut off from each other; make drill COMPOSE=1 can"
)
