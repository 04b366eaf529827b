package check

import (
	"fmt"
	"maps"
	"slices"

	"evergreen/services/internal/drill/history"
)

// mostTold is how many violations of one rule are told one by one. A shop that
// loses a thousand purchases is not understood better from a thousand lines.
const mostTold = 20

// Check holds a history against every promise. It changes nothing in it.
func Check(h *history.History) Verdict {
	r := newRecord(h)
	r.count()
	r.crossings()
	r.oneOutcome()
	r.purchasesThere()
	r.statesKept()
	r.editsThere()
	r.ledgers()
	r.fieldsThere()
	r.neverNegative()
	r.versionsForward()
	r.ownWrites()
	r.age()
	r.linearizable()
	r.more()
	r.verdict.Oversold = len(r.oversold)
	return *r.verdict
}

// record is a history with what the rules find out about it. The rules run in
// the order of Check, and a later one relies on what earlier ones wrote here: so
// that one broken promise is told once, by the rule that names it best.
type record struct {
	h       *history.History
	verdict *Verdict
	told    map[string]int // violations by rule

	operations []*operation
	byMark     map[int64]*operation
	purchases  map[string]*purchase
	ghosts     map[string][]*action // by product, what happened and nobody asked for
	oversold   map[string]bool      // products
	spoilt     map[string]bool      // products whose ledger was found wrong
}

// newRecord groups the requests by operation and joins them with the audit.
func newRecord(h *history.History) *record {
	r := &record{
		h: h, verdict: &Verdict{}, told: map[string]int{}, byMark: map[int64]*operation{},
		purchases: map[string]*purchase{}, oversold: map[string]bool{}, ghosts: map[string][]*action{}, spoilt: map[string]bool{},
	}
	for _, requests := range h.Logicals() {
		op := newOperation(requests)
		r.operations = append(r.operations, op)
		if op.Mark != 0 {
			r.byMark[op.Mark] = op
		}
	}
	for _, reservation := range h.Reservations {
		r.operations = append(r.operations, newExpiry(reservation))
	}
	for _, p := range h.Audit.Purchases {
		r.purchase(p.ID).add(p)
	}
	for _, op := range r.operations {
		switch {
		case op.Kind == history.Buy && op.fate == done:
			r.purchase(op.answer.Purchase).buy(op)
		case op.Purchase != "" && op.Kind != history.Buy:
			p := r.purchase(op.Purchase)
			p.operations = append(p.operations, op)
		}
	}
	return r
}

func (r *record) purchase(id string) *purchase {
	if r.purchases[id] == nil {
		r.purchases[id] = &purchase{id: id}
	}
	return r.purchases[id]
}

func (r *record) count() {
	for _, op := range r.operations {
		switch {
		case !op.Kind.Write() || op.Kind == history.Expire:
		case op.answer != nil:
			r.verdict.Acknowledged++
		case op.fate == unknown:
			r.verdict.Unknown++
		}
	}
}

// report adds a violation; of each rule only the first ones are told.
func (r *record) report(rule string, ops []int, format string, args ...any) {
	r.told[rule]++
	if r.told[rule] <= mostTold {
		r.verdict.Violations = append(r.verdict.Violations, Violation{Rule: rule, Text: fmt.Sprintf(format, args...), Ops: ops})
	}
}

// more says, once for each rule, how many violations were not told.
func (r *record) more() {
	for _, rule := range slices.Sorted(maps.Keys(r.told)) {
		if n := r.told[rule] - mostTold; n > 0 {
			r.verdict.Violations = append(r.verdict.Violations, Violation{Rule: rule, Text: fmt.Sprintf("and %d more", n)})
		}
	}
}
