package report

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/drill/history"
)

// The invented run: what is done when, and how much load there is.
const (
	killed   = 10 * time.Second
	resumed  = 13400 * time.Millisecond
	ends     = 36 * time.Second
	pause    = 5 * time.Millisecond // between two writes, and between two reads
	promoted = 12900 * time.Millisecond
)

// crash is an invented history as a killed primary makes it: writes wait for the
// failover, four are unknown, a few are refused, reads go on.
func crash() *history.History {
	random := rand.New(rand.NewPCG(1, 2))
	h := &history.History{
		Begin: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC), Fault: "primary-crash", DownAfter: 2 * time.Second,
		Events: []history.Event{
			{At: 0, What: history.Primary, Text: "redis-1"},
			{At: killed, What: history.Fault, Text: "redis-1 gets SIGKILL"},
			{At: killed + 400*time.Millisecond, What: history.Injected, Text: "the replicas' links are cut"},
			{At: promoted, What: history.Primary, Text: "redis-2"},
			{At: 20 * time.Second, What: history.Heal, Text: "redis-1 runs again, as a replica of redis-2"},
			{At: ends - time.Second, What: history.Quiet},
		},
	}
	for at := time.Duration(0); at < ends-2*time.Second; at += pause {
		write := history.Op{Kind: history.Buy, Start: at, End: at + spread(random, 4*time.Millisecond), Outcome: history.Done, Status: 201}
		if at > killed && at < resumed {
			write.End = resumed + spread(random, 30*time.Millisecond)
		}
		switch {
		case at > killed && at <= killed+4*pause:
			write.Outcome, write.Status, write.Code = history.Unknown, 503, "outcome-unknown"
		case random.IntN(25) == 0:
			write.Outcome, write.Status = history.Refused, 409
		}
		read := history.Op{Kind: history.ReadProduct, Start: at, End: at + spread(random, 900*time.Microsecond), Outcome: history.Done, Status: 200}
		h.Ops = append(h.Ops, write, read)
	}
	for i := range h.Ops {
		h.Ops[i].ID, h.Ops[i].Logical = i+1, i+1
	}
	return h
}

// spread is a latency around a median, with the long tail that latencies have.
func spread(random *rand.Rand, median time.Duration) time.Duration {
	return time.Duration(float64(median) * math.Exp(0.5*random.NormFloat64()))
}

// crashRun is a run with that history.
func crashRun() Run {
	return Run{
		Fault: "primary-crash", Title: "The primary crashes", Promised: true, When: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC),
		Took: 58 * time.Second, Redis: "7.0.15", DownAfter: 2 * time.Second, Commit: "abc1234",
		Verdict: check.Verdict{Acknowledged: 6796, Unknown: 4, Reads: 6800, Partitions: 812, Largest: 97},
		Figures: check.Figures{
			Writes: check.Series{Requests: 6800, Failed: 4, Gap: 3412 * time.Millisecond, Resumed: 3407 * time.Millisecond,
				Before: check.Latency{P50: 4 * time.Millisecond, P95: 9 * time.Millisecond, P99: 13 * time.Millisecond, Max: 21 * time.Millisecond},
				During: check.Latency{P50: 4200 * time.Microsecond, P95: 3100 * time.Millisecond, P99: 3360 * time.Millisecond, Max: 3409 * time.Millisecond},
				After:  check.Latency{P50: 4 * time.Millisecond, P95: 9 * time.Millisecond, P99: 12 * time.Millisecond, Max: 18 * time.Millisecond}},
			Reads: check.Series{Requests: 6800, Gap: 9 * time.Millisecond, Resumed: 3 * time.Millisecond,
				Before: check.Latency{P50: 912 * time.Microsecond, P95: 2050 * time.Microsecond, P99: 2900 * time.Microsecond, Max: 5 * time.Millisecond}},
			Errors: map[string]int{"outcome-unknown": 3, "no answer": 1},
		},
		Timeline: NewTimeline(crash()),
	}
}

// rollingRun restarts everything one by one: many steps close to one another.
func rollingRun() Run {
	r := crashRun()
	r.Fault, r.Title, r.Variant = "rolling-everything", "Everything is restarted, one by one", "all 12"
	r.Reasons = []string{"writes waited 3.41 s, and 2 s are promised", "1 write was lost"}
	r.Verdict.Lost = 1
	r.Verdict.Violations = []check.Violation{{Rule: check.RuleLost, Text: "purchase 0190-1, acknowledged by request 812, is not there", Ops: []int{812}}}
	r.Kept = ".data/drill/rolling-everything-1.json.gz"
	r.Timeline.Events = []history.Event{{What: history.Primary, Text: "redis-1"}, {At: 2 * time.Second, What: history.Fault, Text: "a rolling restart begins"}}
	for i, name := range []string{"sentinel-1", "sentinel-2", "sentinel-3", "redis-3", "redis-2", "redis-1", "api-1", "api-2", "nginx-a", "nginx-b"} {
		r.Timeline.Events = append(r.Timeline.Events, history.Event{At: time.Duration(3+2*i) * time.Second, What: history.Injected, Text: name + " is restarted"})
	}
	r.Timeline.Events = append(r.Timeline.Events,
		history.Event{At: 14 * time.Second, What: history.Primary, Text: "redis-3"},
		history.Event{At: 24 * time.Second, What: history.Heal, Text: "all have been restarted"},
		history.Event{At: 35 * time.Second, What: history.Quiet})
	slices.SortFunc(r.Timeline.Events, func(a, b history.Event) int { return cmp.Compare(a.At, b.At) })
	return r
}

// controlRun is a control that is red, as it has to be.
func controlRun() Run {
	r := crashRun()
	r.Fault, r.Title, r.Variant, r.Control, r.Red, r.Promised = "no-wait", "Results are told before WAIT", "2.5s", true, true, false
	r.Verdict.Lost = 230
	for range 230 {
		r.Verdict.Violations = append(r.Verdict.Violations, check.Violation{Rule: check.RuleLost, Text: "an acknowledged purchase is not there"})
	}
	return r
}

// unpromisedRun lost something that nobody was promised.
func unpromisedRun() Run {
	r := crashRun()
	r.Fault, r.Title, r.Promised = "second-loss", "The primary and the only replica that acknowledged are lost", false
	r.Verdict.Lost = 17
	return r
}

// impossibleRun was not made.
func impossibleRun() Run {
	return Run{Fault: "no-incr", Title: "The group's INCR is left out", Control: true, NotApplicable: "it takes Redis 7.2 or later; this is 7.0.15"}
}

// all are one run of each kind.
func all() []Run {
	return []Run{crashRun(), rollingRun(), unpromisedRun(), controlRun(), impossibleRun()}
}
