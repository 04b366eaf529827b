package drill

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/drill/history"
)

// mostReasons is how many violations are told, and mostSaid how many bytes of each:
// the verdict has all of them.
const (
	mostReasons = 8
	mostSaid    = 400
)

// reasons say why a run failed, in plain words; none if it is as it has to be.
// What is not promised is counted only.
func reasons(f task, h *history.History, v check.Verdict, g check.Figures) []string {
	if f.Control != nil {
		return green(f, v)
	}
	if f.Promise == nil {
		return nil
	}
	all := violations(v)
	for _, b := range bounds(*f.Promise, h, g) {
		if b.limit > 0 && b.was > b.limit {
			all = append(all, fmt.Sprintf("%s: %v, and %v are promised", b.what, b.was.Round(time.Millisecond), b.limit))
		}
	}
	return append(all, tooManyErrors(*f.Promise, h)...)
}

// violations puts them into words.
func violations(v check.Verdict) []string {
	var all []string
	for i, found := range v.Violations {
		if i == mostReasons {
			return append(all, fmt.Sprintf("and %d more", len(v.Violations)-i))
		}
		text := found.Text
		if len(text) > mostSaid {
			text = strings.ToValidUTF8(text[:mostSaid], "") + "…"
		}
		all = append(all, found.Rule+": "+text)
	}
	return all
}

// bound is one of a promise's.
type bound struct {
	what       string
	was, limit time.Duration // no limit: not promised
}

func bounds(p Promise, h *history.History, g check.Figures) []bound {
	return []bound{
		{"the longest time without a good answer to a write", g.Writes.Gap, p.WriteGap},
		{"the longest time without a good answer to a read", g.Reads.Gap, p.ReadGap},
		{"from the fault to the first good answer to a write sent after it", g.Writes.Resumed, p.Resumed},
		{"from the heal to the next good answer to a write", afterTheHeal(h), p.AfterHeal},
		{"the longest wait for any answer", slowest(h), p.Slowest},
	}
}

// afterTheHeal is how long after the heal the next write was answered well; 0 if
// there was no heal.
func afterTheHeal(h *history.History) time.Duration {
	heal, found := h.First(history.Heal)
	if !found {
		return 0
	}
	next := time.Duration(-1)
	for _, op := range h.Ops {
		if op.Kind.Write() && op.Outcome == history.Done && op.End >= heal && (next < 0 || op.End < next) {
			next = op.End
		}
	}
	if next < 0 {
		next = h.Ops[len(h.Ops)-1].End
	}
	return next - heal
}

func slowest(h *history.History) time.Duration {
	var longest time.Duration
	for _, op := range h.Ops {
		longest = max(longest, op.End-op.Start)
	}
	return longest
}

// tooManyErrors compares the shares of failed requests with the promise.
func tooManyErrors(p Promise, h *history.History) []string {
	from, to := excused(p, h)
	var all, cut, reads, failed, failedReads int
	for _, op := range h.Ops {
		if from <= op.End && op.Start <= to {
			continue
		}
		all++
		if p.Cut > 0 && op.Status == 0 && wentWrong(op) {
			cut++
			continue
		}
		plain := !op.Kind.Write() && op.Strength != history.Strong
		failed += count(wentWrong(op))
		reads += count(plain)
		failedReads += count(plain && wentWrong(op))
	}
	return slices.Concat(share("requests (cut off)", cut, all, p.Cut), share("requests", failed, all, p.Errors), share("reads", failedReads, reads, p.ReadErrors))
}

// excused is the time at which a request must have been under way to be allowed to
// fail: from the fault to the end of its first step. An empty time if none may.
func excused(p Promise, h *history.History) (from, to time.Duration) {
	fault, found := h.First(history.Fault)
	if !p.UnderWay || !found {
		return 0, -1
	}
	step, found := h.First(history.Injected)
	if !found {
		step = fault
	}
	return fault, step
}

// wentWrong says that a request was answered otherwise than the shop promises.
func wentWrong(op history.Op) bool {
	return op.Outcome == history.NotDone || op.Outcome == history.Unknown
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func share(what string, failed, all int, limit float64) []string {
	if float64(failed) <= limit*float64(all) {
		return nil
	}
	return []string{fmt.Sprintf("%d of %d %s failed (%.3f %%), and at most %g %% may", failed, all, what, 100*float64(failed)/float64(all), 100*limit)}
}

// green is why a control failed: it was never red, and this was its last attempt.
func green(f task, v check.Verdict) []string {
	if red(f.Fault, v) || f.attempt < f.attempts {
		return nil
	}
	return append([]string{fmt.Sprintf("the control stayed green in %d runs: the drill does not see what it looks for (%s)",
		f.attempts, strings.Join(f.Control.Rules, " or "))}, violations(v)...)
}

// red says that a control has broken what it has to break.
func red(f Fault, v check.Verdict) bool {
	return slices.ContainsFunc(v.Violations, func(found check.Violation) bool { return slices.Contains(f.Control.Rules, found.Rule) })
}

// attempts is after how many runs a control that goes red in a share of them is
// red at least once, but for one case in a thousand. At least 1; a rate of 0 or
// less is taken for one in a hundred.
func attempts(rate float64) int {
	if rate >= 1 {
		return 1
	}
	return max(1, int(math.Ceil(math.Log(0.001)/math.Log(1-max(rate, 0.01)))))
}
