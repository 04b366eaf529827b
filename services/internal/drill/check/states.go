package check

import (
	"maps"
	"slices"

	"evergreen/services/internal/drill/history"
)

// The states of a purchase that the drill brings about. The shop has more; a
// purchase that is in one of those was moved by nobody.
const (
	pending   = "pending"
	paid      = "paid"
	cancelled = "cancelled"
	expired   = "expired"
)

// gaveBack are the states whose pieces were returned to stock.
func gaveBack(state string) bool {
	return state == cancelled || state == expired || state == "refunded"
}

// moves are the operations that bring a purchase into a state.
func moves(state string) history.Kind {
	switch state {
	case paid:
		return history.Pay
	case cancelled:
		return history.Cancel
	case expired:
		return history.Expire
	}
	return ""
}

// statesKept holds each purchase's final state against what was acknowledged:
// a payment or a cancellation that was answered is there, and what was neither
// answered nor left open is not.
func (r *record) statesKept() {
	for _, id := range slices.Sorted(maps.Keys(r.purchases)) {
		p := r.purchases[id]
		if p.audited == nil || p.stray {
			continue // reported, and its moves went with it
		}
		state := p.audited.State
		for _, op := range p.operations {
			if op.Kind.Write() && op.effect == did && moves(state) != op.Kind {
				r.lost(op, "the %s of purchase %s was acknowledged, and it is %s", op.Kind, id, state)
			}
		}
		if state != pending {
			r.moved(p)
		}
		r.expired(p)
	}
}

// moved finds who brought a purchase into its final state. A single operation
// without an answer must have been it.
func (r *record) moved(p *purchase) {
	var open []*operation
	var denied *operation
	for _, op := range p.operations {
		if op.Kind != moves(p.audited.State) {
			continue
		}
		switch {
		case op.fate == done:
			return
		case op.effect == may:
			open = append(open, op)
		default:
			denied = op
		}
	}
	if len(open) == 1 {
		open[0].effect = did
	}
	if len(open) > 0 {
		return
	}
	if gaveBack(p.audited.State) {
		for id, quantity := range quantities(p.audited.Lines) {
			r.ghost(id, action{text: "the return of purchase " + p.id, delta: quantity})
		}
	}
	switch {
	case denied != nil && denied.fate == refused && denied.Key != "":
		r.verdict.Duplicated++
		r.report(RuleKey, denied.ids(), "key %q was refused the %s of purchase %s (%d %s), and it is %s",
			denied.Key, denied.Kind, p.id, denied.answer.Status, denied.answer.Code, p.audited.State)
	case denied != nil && denied.fate == notSent:
		r.duplicated(denied.ids(), "the %s of purchase %s was told that nothing was written (%s), and it is %s",
			denied.Kind, p.id, denied.requests[0].Code, p.audited.State)
	default:
		r.duplicated(nil, "purchase %s is %s, and nobody did that", p.id, p.audited.State)
	}
}
