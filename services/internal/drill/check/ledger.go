package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"evergreen/services/internal/drill/history"
)

// ledgers holds each product's account against the stock equation, and its
// entries against the purchases that are there and the adjustments that were
// acknowledged.
func (r *record) ledgers() {
	sold, returned := map[string]int64{}, map[string]int64{}
	for _, p := range r.h.Audit.Purchases {
		for product, quantity := range quantities(p.Lines) {
			sold[product] += quantity
			if gaveBack(p.State) {
				returned[product] += quantity
			}
		}
	}
	adjusted := r.writesOf(history.Adjust)
	for _, product := range r.products() {
		first := r.h.Initial[product]
		last, there := r.h.Audit.Products[product]
		if !there {
			r.spoilt[product] = true
			r.report(RuleLost, nil, "product %s is not there", product)
			continue
		}
		var wrong []string
		expect := func(what string, is, should int64) {
			if is != should {
				wrong = append(wrong, fmt.Sprintf("%s is %d and should be %d", what, is, should))
			}
		}
		expect("initial", last.Initial, first.Initial)
		expect("sold", last.Sold-first.Sold, sold[product])
		expect("returned", last.Returned-first.Returned, returned[product])
		expect("stock", last.Stock, last.Initial+last.Adjusted-last.Sold+last.Returned)
		if len(wrong) > 0 {
			r.spoilt[product] = true
			r.report(RuleStock, nil, "product %s: %s", product, strings.Join(wrong, ", "))
		}
		if last.Initial+last.Adjusted+returned[product] < sold[product]+first.Sold-first.Returned {
			r.oversold[product] = true
		}
		r.adjustments(product, last.Adjusted-first.Adjusted, adjusted[product])
	}
}

// products are those of the history, in order.
func (r *record) products() []string {
	return slices.Sorted(maps.Keys(r.h.Initial))
}

func (r *record) writesOf(kind history.Kind) map[string][]*operation {
	found := map[string][]*operation{}
	for _, op := range r.operations {
		if op.Kind == kind {
			found[op.Product] = append(found[op.Product], op)
		}
	}
	return found
}

// adjustments explains what was adjusted: all acknowledged deltas, and some of
// the unknown ones. What these cannot explain is a lost or a doubled adjustment
// where the fewest of the acknowledged ones make up the difference, and else a
// ledger that matches nothing.
func (r *record) adjustments(product string, is int64, ops []*operation) {
	var acknowledged, open []*operation
	rest := is
	for _, op := range ops {
		switch op.effect {
		case did:
			rest -= op.Delta
			acknowledged = append(acknowledged, op)
		case may:
			open = append(open, op)
		}
	}
	possible := sums(open)
	if _, explained := possible[rest]; explained {
		settle(open, rest)
		return
	}
	missing, extra := fewest(acknowledged, rest, possible, 1), fewest(acknowledged, rest, possible, -1)
	said := fmt.Sprintf("product %s: %+d adjusted, and the acknowledged adjustments make %+d, with %d unknown ones", product, is, is-rest, len(open))
	r.spoilt[product] = true
	switch {
	case missing == 0 && extra == 0:
		r.report(RuleStock, nil, "%s", said)
	case extra == 0 || missing > 0 && missing <= extra:
		r.verdict.Lost += missing
		r.report(RuleLost, nil, "%s: %d at least not there", said, missing)
		decide(acknowledged, isWrong) // one of them, nobody knows which
	default:
		r.verdict.Duplicated += extra
		r.report(RuleDuplicated, nil, "%s: %d at least there twice", said, extra)
		for _, op := range acknowledged {
			r.ghost(product, action{text: "an adjustment for the second time", delta: op.Delta, need: max(-op.Delta, 0)})
		}
	}
}

// sums are all totals that some of the operations can make.
func sums(ops []*operation) map[int64]int {
	return fewestFor(ops, 1)
}

// fewestFor gives, for each total that some of the operations can make, the
// fewest that make it; sign turns the deltas around.
func fewestFor(ops []*operation, sign int64) map[int64]int {
	total := map[int64]int{0: 0}
	for _, op := range ops {
		next := maps.Clone(total)
		for sum, n := range total {
			if have, known := next[sum+sign*op.Delta]; !known || n+1 < have {
				next[sum+sign*op.Delta] = n + 1
			}
		}
		total = next
	}
	return total
}

// fewest is how few acknowledged operations explain rest when they are left out
// (sign 1) or counted twice (sign -1); 0 when none do.
func fewest(ops []*operation, rest int64, possible map[int64]int, sign int64) int {
	best := 0
	for sum, n := range fewestFor(ops, sign) {
		if _, explained := possible[rest+sum]; explained && n > 0 && (best == 0 || n < best) {
			best = n
		}
	}
	return best
}

// settle decides the unknown adjustments where the rest leaves no choice: none
// happened, or all.
func settle(open []*operation, rest int64) {
	var down, up int64
	for _, op := range open {
		if op.Delta < 0 {
			down += op.Delta
		} else {
			up += op.Delta
		}
	}
	switch {
	case rest == 0 && (down == 0 || up == 0):
		decide(open, didNot)
	case rest == down && up == 0, rest == up && down == 0:
		decide(open, did)
	}
}

// neverNegative looks at every stock that anybody was ever told.
func (r *record) neverNegative() {
	for i := range r.h.Ops {
		op := &r.h.Ops[i]
		if op.Stock < 0 {
			r.oversold[op.Product] = true
			r.report(RuleNegative, []int{op.ID}, "product %s had %d pieces in #%d", op.Product, op.Stock, op.ID)
		}
		for product, available := range op.Short {
			if available < 0 {
				r.oversold[product] = true
				r.report(RuleNegative, []int{op.ID}, "product %s had %d pieces in #%d", product, available, op.ID)
			}
		}
	}
	for _, product := range r.products() {
		if stock := r.h.Audit.Products[product].Stock; stock < 0 {
			r.oversold[product] = true
			r.report(RuleNegative, nil, "product %s has %d pieces at the end", product, stock)
		}
	}
}
