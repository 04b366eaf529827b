package check

import (
	"fmt"
	"slices"
	"time"

	"evergreen/services/internal/drill/history"
)

// settling is how long after the heal requests still count as sent during the fault.
const settling = 10 * time.Second

// noAnswer is how Figures.Errors calls what has no code.
const noAnswer = "no answer"

// Measure says what the clients felt. It counts requests, not operations: a
// retry is one more request.
func Measure(h *history.History) Figures {
	f := Figures{Errors: map[string]int{}}
	var reads, writes []history.Op
	for _, op := range h.Ops {
		if op.Kind.Write() {
			writes = append(writes, op)
		} else {
			reads = append(reads, op)
		}
		if !good(op) {
			f.Errors[errorCode(op)]++
		}
	}
	phases := phasesOf(h)
	f.Writes, f.Reads = phases.series(writes), phases.series(reads)
	return f
}

// good says that a request was answered as the shop promises.
func good(op history.Op) bool {
	return op.Outcome == history.Done || op.Outcome == history.Refused
}

func errorCode(op history.Op) string {
	switch {
	case op.Status == 0:
		return noAnswer
	case op.Code == "":
		return fmt.Sprintf("status %d", op.Status)
	}
	return op.Code
}

// phases are the times that the figures are told apart by.
type phases struct {
	faulty  bool          // a fault was noted; otherwise everything is before it
	fault   time.Duration // the first
	settled time.Duration // after the last heal; never without one
	end     time.Duration // of the load: when the last request of any kind was sent
}

func phasesOf(h *history.History) phases {
	p := phases{settled: never}
	p.fault, p.faulty = h.First(history.Fault)
	for _, e := range h.Events {
		if e.What == history.Heal {
			p.settled = e.At + settling
		}
	}
	for i := range h.Ops {
		p.end = max(p.end, h.Ops[i].Start)
	}
	return p
}

func (p phases) series(ops []history.Op) Series {
	s := Series{Requests: len(ops)}
	var before, during, after, ends []time.Duration
	for _, op := range ops {
		if !good(op) {
			s.Failed++
			continue
		}
		ends = append(ends, op.End)
		took := op.End - op.Start
		switch {
		case !p.faulty || op.Start < p.fault:
			before = append(before, took)
		case op.Start < p.settled:
			during = append(during, took)
		default:
			after = append(after, took)
		}
		if p.faulty && op.Start >= p.fault && (s.Resumed == 0 || op.End-p.fault < s.Resumed) {
			s.Resumed = op.End - p.fault
		}
	}
	s.Before, s.During, s.After = latency(before), latency(during), latency(after)
	s.Gap = p.gap(ends)
	return s
}

// gap is the longest time without a good answer, from the fault until the end of
// the load. The end counts: a shop that never answers again has a gap up to there.
func (p phases) gap(ends []time.Duration) time.Duration {
	if !p.faulty {
		return 0
	}
	slices.Sort(ends)
	last, longest := p.fault, time.Duration(0)
	for _, end := range ends {
		if end > last && end <= p.end {
			longest, last = max(longest, end-last), end
		}
	}
	return max(longest, p.end-last)
}

// latency gives the percentiles by the nearest rank.
func latency(took []time.Duration) Latency {
	if len(took) == 0 {
		return Latency{}
	}
	slices.Sort(took)
	rank := func(percent int) time.Duration { return took[max((len(took)*percent+99)/100, 1)-1] }
	return Latency{P50: rank(50), P95: rank(95), P99: rank(99), Max: took[len(took)-1]}
}
