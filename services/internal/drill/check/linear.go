package check

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Bounds of the check for linearizability.
const (
	// mostActions is the most that one partition may have. A drill of a minute at
	// 200 writes/s has about 1,500 for each of twelve products.
	mostActions = 3000
	// longestCheck bounds one partition, longestChecks all of them. When a hundred
	// operations were held for 10 s, a busy machine may take 10 s for a product.
	longestCheck  = 20 * time.Second
	longestChecks = 2 * time.Minute
	// redCheck bounds a partition once another rule has found the history wrong.
	// What that rule found may leave no order, and to prove that takes longest.
	redCheck = time.Second
)

// linearizable looks for an order of all that happened to each product, and to
// each purchase, that explains every answer.
func (r *record) linearizable() {
	end := time.Now().Add(longestChecks)
	all := r.actions()
	groups := r.groups()
	for _, id := range r.products() {
		ledger := r.h.Initial[id]
		actions := r.audited(id, all[id])
		r.partition(len(actions))
		if len(actions) > mostActions {
			r.report(RuleUndecided, nil, "product %s has %d operations, and %d are the most that are searched for an order", id, len(actions), mostActions)
			continue
		}
		r.productOrder(id, product{stock: ledger.Stock, version: ledger.Version}, actions, groups, end)
	}
	r.purchaseOrders(end)
}

// patience is how long one partition may take.
func (r *record) patience(end time.Time) time.Duration {
	longest := longestCheck
	if r.red() {
		longest = redCheck
	}
	return min(longest, time.Until(end))
}

// red says that the history was found wrong. What could only not be decided
// does not count: it must not take the time from what can be.
func (r *record) red() bool {
	return len(r.told) > 1 || len(r.told) == 1 && r.told[RuleUndecided] == 0
}

func (r *record) partition(size int) {
	r.verdict.Partitions++
	r.verdict.Largest = max(r.verdict.Largest, size)
}

func (r *record) productOrder(id string, first product, actions []*action, groups func(*operation) group, end time.Time) {
	for _, a := range outside(first, actions) {
		r.tellOutside(id, first, a, actions)
		a.optional = true // what its answer demanded was reported
		a.end, a.exact, a.known, a.below, a.other = never, false, false, 0, 0
		if !a.changes() {
			actions = slices.DeleteFunc(actions, func(other *action) bool { return other == a })
		}
	}
	deadline := time.Now().Add(r.patience(end))
	s := newSearch(actions, groups)
	order, failed := s.find(first, deadline.Add(-time.Until(deadline)/4))
	if failed == nil {
		if tight, within := narrowed(order); within && judge(first, tight, time.Until(deadline)) == porcupine.Ok {
			return
		}
		// The search would be wrong, then; Porcupine decides without it.
		failed = &stuck{best: &partial{next: len(s.edges)}}
	}
	r.withoutOrder(id, first, s, failed, deadline)
}

// withoutOrder is for what the search found no order for. Porcupine judges the
// history up to where the search was stuck, for it only grows worse after that,
// and then the whole.
func (r *record) withoutOrder(id string, first product, s *search, failed *stuck, deadline time.Time) {
	state, rest := s.cut(first, failed)
	result := judge(state, own(rest), time.Until(deadline))
	if result == porcupine.Ok {
		result = judge(first, own(s.actions), time.Until(deadline))
	}
	if result == porcupine.Ok {
		return
	}
	rule := RuleLinearizable
	if result == porcupine.Unknown && !failed.complete {
		if r.red() { // it was given little time, and the run has failed without it
			return
		}
		rule = RuleUndecided
	}
	around := s.around(failed.best)
	r.report(rule, ids(around), "product %s: no order of its operations was found from here on: %s", id, list(around))
}

func (r *record) tellOutside(id string, first product, a *action, actions []*action) {
	var changes []*action
	for _, c := range actions {
		if c.changes() {
			changes = append(changes, c)
		}
	}
	w := windowOf(first, a, changes)
	least, most := w.bounds()
	if a.op != nil && a.op.Kind == "buy" && a.delta < 0 && most < a.need {
		r.oversold[id] = true
	}
	r.report(RuleLinearizable, ids([]*action{a}), "product %s: %s; just before it the stock was from %d to %d and the version from %d to %d",
		id, a, least, most, w.version, w.version+w.versions)
}

// around are the operations where a search got stuck: the last that were put in
// order, and those that were open then, the one that could not wait first.
func (s *search) around(p *partial) []*action {
	var found []*action
	if p.next < len(s.edges) {
		found = append(found, s.actions[s.edges[p.next].a])
	}
	for _, o := range slices.Concat(p.watching, p.open) {
		if len(found) < 8 && !slices.Contains(found, s.actions[o]) {
			found = append(found, s.actions[o])
		}
	}
	for l, n := p.last, 0; l != nil && n < 4; l, n = l.prev, n+1 {
		found = append(found, s.actions[l.a])
	}
	return found
}

func list(actions []*action) string {
	var lines []string
	for _, a := range actions {
		lines = append(lines, a.String())
	}
	return strings.Join(lines, "; ")
}

// grain divides a nanosecond, so that the operations of one partition that fall
// into the same one can be told to come one after the other.
const grain = 2 * mostActions

// timed is an action with its times in grains, as Porcupine is given it.
type timed struct {
	*action
	call, end int64
}

// own gives the actions their own times. What may never have happened is open
// until after everything else; that is what judge's last action is for.
func own(actions []*action) []timed {
	all := make([]timed, len(actions))
	for i, a := range actions {
		all[i] = timed{a, int64(a.start) * grain, math.MaxInt64}
		if !a.optional {
			all[i].end = int64(a.end)*grain + grain - 1
		}
	}
	return all
}

// narrowed gives each action of an order the one moment that the order leaves
// it; false when that is not within the action's own time. Where the narrowed
// history is linearizable, so is the whole.
func narrowed(order []*action) ([]timed, bool) {
	all := own(order)
	moment := int64(-1)
	for i := range all {
		moment = max(moment+1, all[i].call)
		if moment > all[i].end {
			return nil, false
		}
		all[i].call, all[i].end = moment, moment
	}
	return all, true
}

// cut is the history up to where a search got stuck, from the last moment before
// that at which nothing was open: the state then does not depend on the order.
// What had not ended by then may have happened or not.
func (s *search) cut(first product, failed *stuck) (product, []*action) {
	last := never
	if failed.best.next < len(s.edges) {
		last = s.edges[failed.best.next].at
	}
	begin, running := 0, 0
	for i := 0; i < min(failed.best.next, len(s.edges)); i++ {
		if s.edges[i].end {
			running--
		} else {
			running++
		}
		if running == 0 {
			begin = i + 1
		}
	}
	state := first
	for _, e := range s.edges[:begin] {
		if a := s.actions[e.a]; e.end {
			state.stock += a.delta
			state.version += int64(b2i(a.edit))
		}
	}
	var rest []*action
	seen := map[int]bool{}
	for _, e := range s.edges[begin:] {
		if e.at > last || e.end || seen[e.a] {
			continue
		}
		seen[e.a] = true
		a := *s.actions[e.a]
		if a.end > last && !a.optional {
			if !a.changes() {
				continue
			}
			a.optional, a.end, a.exact = true, never, false
		}
		rest = append(rest, &a)
	}
	return state, rest
}

// judge asks Porcupine. A last action says that all is over: from then on what
// may never have happened does nothing.
func judge(first product, actions []timed, limit time.Duration) porcupine.CheckResult {
	operations := make([]porcupine.Operation, 0, len(actions)+1)
	for _, a := range actions {
		operations = append(operations, porcupine.Operation{Input: a.action, Call: a.call, Return: a.end})
	}
	const over = math.MaxInt64 - 1
	operations = append(operations, porcupine.Operation{Input: (*action)(nil), Call: over, Return: over})
	return porcupine.CheckOperationsTimeout(model(first), operations, max(limit, time.Millisecond))
}

func model(first product) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return first },
		Step: func(state, input, _ any) (bool, any) {
			s, a := state.(product), input.(*action)
			if a == nil {
				s.over = true
				return true, s
			}
			next, possible := s.step(a)
			return possible, next
		},
		Hash: func(state any) uint64 {
			s := state.(product)
			return mix(uint64(s.stock)) ^ mix(uint64(s.version)+1)
		},
		DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
	}
}
