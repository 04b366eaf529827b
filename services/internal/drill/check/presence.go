package check

import (
	"evergreen/services/internal/drill/history"
)

// purchase is one purchase id: what the audit says of it and what was asked for it.
type purchase struct {
	id         string
	audited    *history.Purchase // nil: it is not there
	copies     int               // times that the audit lists it
	bought     *operation        // that was answered with it, or is known to have made it by its mark
	stray      bool              // nobody asked for it
	operations []*operation      // payments, cancellations and reads, in the order of their starts
}

func (p *purchase) add(audited history.Purchase) {
	p.audited = &audited
	p.copies++
}

func (p *purchase) buy(op *operation) {
	if p.bought == nil { // a second one is found by answeredPurchases
		p.bought = op
	}
}

// purchasesThere holds the audit's purchases against those that were asked for:
// acknowledged ones by id, the admin's by their mark too, and customers' own,
// of which an unanswered one left no trace but what it bought, by counting.
func (r *record) purchasesThere() {
	r.answeredPurchases()
	unclaimed := map[string][]history.Purchase{} // by user and basket
	for _, audited := range r.h.Audit.Purchases {
		p := r.purchases[audited.ID]
		if p.copies > 1 {
			r.duplicated(nil, "the audit lists purchase %s %d times", p.id, p.copies)
			p.copies = 1
		}
		if p.bought != nil {
			continue
		}
		if op := r.byMark[audited.Mark]; audited.Mark != 0 && op != nil {
			r.marked(p, op)
			continue
		}
		group := audited.User + " " + basket(audited.Lines)
		unclaimed[group] = append(unclaimed[group], audited)
	}
	r.customers(unclaimed)
}

func (r *record) answeredPurchases() {
	for _, op := range r.operations {
		if op.Kind != history.Buy || op.fate != done {
			continue
		}
		p := r.purchases[op.answer.Purchase]
		switch {
		case p.audited == nil:
			r.lost(op, "purchase %s of [%s] was acknowledged and is not there", p.id, basket(op.Lines))
		case p.bought != op:
			r.lost(op, "purchase %s was acknowledged to #%d and to #%d: one of them is not there", p.id, p.bought.ID, op.ID)
		case basket(op.Lines) != basket(p.audited.Lines):
			r.lost(op, "purchase %s was of [%s] and is of [%s]", p.id, basket(op.Lines), basket(p.audited.Lines))
		case op.User != "" && op.User != p.audited.User:
			r.lost(op, "purchase %s was for user %s and is of %s", p.id, op.User, p.audited.User)
		case op.Mark != 0 && op.Mark != p.audited.Mark:
			r.lost(op, "purchase %s was at price %d and is at %d", p.id, op.Mark, p.audited.Mark)
		}
	}
}

// marked finds the purchase of an operation that was not answered with its id.
func (r *record) marked(p *purchase, op *operation) {
	switch {
	case op.effect == may:
		op.effect, p.bought = did, op
		return
	case op.fate == refused && op.Key != "":
		r.verdict.Duplicated++
		r.report(RuleKey, op.ids(), "key %q was refused (%d %s), and its purchase %s is there", op.Key, op.answer.Status, op.answer.Code, p.id)
	case op.fate == refused:
		r.duplicated(op.ids(), "#%d was refused (%d %s), and its purchase %s is there", op.ID, op.answer.Status, op.answer.Code, p.id)
	case op.fate == notSent:
		r.duplicated(op.ids(), "#%d was told that nothing was written (%s), and its purchase %s is there", op.ID, op.requests[0].Code, p.id)
	default:
		r.duplicated(op.ids(), "#%d asked once for the purchase at price %d, and %s is there besides the one that it was told of",
			op.ID, op.Mark, p.id)
	}
	r.stray(*p.audited)
}

// customers counts, for each user and basket, the purchases that nobody was told
// of against the requests that nobody had an answer to. As many as these may be
// there, in any order: where all or none are, the outcome of each is known.
func (r *record) customers(unclaimed map[string][]history.Purchase) {
	asked := map[string][]*operation{}
	for _, op := range r.operations {
		if op.Kind != history.Buy || op.effect != may {
			continue
		}
		if op.Mark != 0 { // it would have been found by its mark
			op.effect = didNot
			continue
		}
		group := op.User + " " + basket(op.Lines)
		asked[group] = append(asked[group], op)
	}
	for group, ops := range asked {
		switch len(unclaimed[group]) {
		case 0:
			decide(ops, didNot)
		case len(ops):
			decide(ops, did)
		}
	}
	for _, p := range r.h.Audit.Purchases { // in the audit's order, so that the verdict is the same each time
		group := p.User + " " + basket(p.Lines)
		if over := len(unclaimed[group]) - len(asked[group]); over > 0 {
			decide(asked[group], did)
			r.strays(unclaimed[group], over)
			delete(unclaimed, group)
		}
	}
}

func (r *record) strays(found []history.Purchase, over int) {
	for _, p := range found[len(found)-over:] {
		r.duplicated(nil, "purchase %s of user %s, [%s], is there and nobody asked for it, or not so often", p.ID, p.User, basket(p.Lines))
		r.stray(p)
	}
}

func decide(ops []*operation, effect doubt) {
	for _, op := range ops {
		op.effect = effect
	}
}

// lost reports an acknowledged operation that is not there. What it did to
// others is not held against them: from here on it may have happened or not.
func (r *record) lost(op *operation, format string, args ...any) {
	op.effect = isWrong
	r.verdict.Lost++
	r.report(RuleLost, op.ids(), format, args...)
}

func (r *record) duplicated(ops []int, format string, args ...any) {
	r.verdict.Duplicated++
	r.report(RuleDuplicated, ops, format, args...)
}

// stray notes what a purchase that nobody asked for did to its products.
func (r *record) stray(p history.Purchase) {
	r.purchases[p.ID].stray = true
	for id, quantity := range quantities(p.Lines) {
		r.ghost(id, action{text: "purchase " + p.ID + ", which nobody asked for", delta: -quantity, need: quantity})
		if gaveBack(p.State) {
			r.ghost(id, action{text: "the return of purchase " + p.ID, delta: quantity})
		}
	}
}

// ghost adds to a product what was reported and nobody asked for, so that it is
// not reported once more by whatever it led to. When it happened nobody knows.
func (r *record) ghost(product string, a action) {
	a.end, a.optional = never, true
	r.ghosts[product] = append(r.ghosts[product], &a)
}
