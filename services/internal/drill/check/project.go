package check

import (
	"fmt"
	"net/http"
	"time"

	"evergreen/services/internal/drill/history"
)

// actions projects the history on each product: a purchase of several is an
// action of each of them. That all its lines happened at one moment is not seen
// this way; see docs/decisions/0040-porcupine.md.
func (r *record) actions() map[string][]*action {
	found := map[string][]*action{}
	add := func(product string, a *action) { found[product] = append(found[product], a) }
	for _, op := range r.operations {
		switch op.Kind {
		case history.Buy:
			r.projectBuy(op, add)
		case history.Adjust:
			projectAdjust(op, add)
		case history.Edit:
			projectEdit(op, add)
		case history.ReadProduct:
			projectRead(op, add)
		}
	}
	for _, p := range r.purchases {
		r.projectCancel(p, add)
	}
	for id, ghosts := range r.ghosts {
		found[id] = append(found[id], ghosts...)
	}
	return found
}

// span makes an action with an operation's times. What surely happened and was
// never answered is open until the end; what is in doubt may happen or not.
func span(op *operation) (action, bool) {
	a := action{op: op, start: op.Start, end: op.end}
	switch op.effect {
	case may:
		a.optional, a.end = true, never
	case isWrong:
		a.optional = true
		a.end = never
	case didNot:
		return a, op.fate == refused
	}
	return a, true
}

func (r *record) projectBuy(op *operation, add func(string, *action)) {
	base, relevant := span(op)
	if !relevant || op.effect == didNot && op.answer.Code != "insufficient-stock" {
		return
	}
	asked := quantities(op.Lines)
	for id, quantity := range asked {
		a := base
		available, short := int64(0), false
		if op.answer != nil {
			available, short = op.answer.Short[id]
		}
		switch {
		case op.effect != didNot:
			a.delta, a.need = -quantity, quantity
		case short:
			a.below, a.exact, a.stock = quantity, true, available
		case op.answer.Short != nil:
			a.need = quantity // it was another line that fell short
		case len(asked) == 1:
			a.below = quantity
		default:
			continue
		}
		add(id, &a)
	}
}

func projectAdjust(op *operation, add func(string, *action)) {
	a, relevant := span(op)
	switch {
	case !relevant:
		return
	case op.effect != didNot:
		a.delta, a.need = op.Delta, max(-op.Delta, 0)
		if op.effect == did && op.fate == done {
			a.exact, a.stock = true, op.answer.Stock-op.Delta
		}
	case op.answer.Code == "insufficient-stock" && op.Delta < 0:
		a.below = -op.Delta
	default:
		return
	}
	add(op.Product, &a)
}

func projectEdit(op *operation, add func(string, *action)) {
	a, relevant := span(op)
	if !relevant {
		return
	}
	a.known, a.version = op.IfMatch != 0, op.IfMatch
	switch {
	case op.effect == did && op.fate == done:
		a.edit = true
		a.known, a.version = true, op.answer.Version-1
		a.exact, a.stock = true, op.answer.Stock
	case op.effect != didNot:
		a.edit = true
	case op.answer.Status == http.StatusPreconditionFailed:
		a.known, a.other = false, op.IfMatch
	default:
		return
	}
	add(op.Product, &a)
}

// projectRead takes the reads that are as strong as a write. That a product is
// not there is nothing that the drill ever brings about, so no state has it.
func projectRead(op *operation, add func(string, *action)) {
	if op.Strength != history.Strong || op.answer == nil || op.effect == isWrong {
		return
	}
	a := action{op: op, start: op.Start, end: op.end, exact: true, stock: -1}
	if op.fate == done {
		a.stock, a.known, a.version = op.answer.Stock, true, op.answer.Version
	}
	add(op.Product, &a)
}

// projectCancel returns a purchase's pieces, at its cancellation or the end of its reservation. Of several cancellations only one
// did it; where none of them was acknowledged, it was one from the first
// request on.
func (r *record) projectCancel(p *purchase, add func(string, *action)) {
	var lines []history.Line
	switch {
	case p.audited != nil:
		lines = p.audited.Lines
	case p.bought != nil:
		lines = p.bought.Lines
	}
	var back *action
	for _, op := range p.operations {
		a, relevant := span(op)
		if op.Kind != history.Cancel && op.Kind != history.Expire || !relevant || op.effect == didNot {
			continue
		}
		switch {
		case back == nil:
			back = &a
		case back.optional && !a.optional:
			back = &a
		case back.optional:
			back.start = min(back.start, a.start)
		}
	}
	if back == nil {
		return
	}
	for id, quantity := range quantities(lines) {
		a := *back
		a.delta = quantity
		a.text = fmt.Sprintf("%d back", quantity)
		add(id, &a)
	}
}

// audited is what the audit says of a product, as a last read: everything that
// is known to have happened has happened by then.
func (r *record) audited(id string, actions []*action) []*action {
	var last time.Duration
	for i := range r.h.Ops {
		last = max(last, r.h.Ops[i].End, r.h.Ops[i].Start)
	}
	for _, a := range actions {
		last = max(last, a.start) // a reservation may end after the last request
	}
	for _, a := range actions {
		if !a.optional && a.end == never {
			a.end = last + 1
		}
	}
	ledger, there := r.h.Audit.Products[id]
	if !there || r.spoilt[id] {
		return actions
	}
	return append(actions, &action{
		text: fmt.Sprintf("the audit: stock %d, version %d", ledger.Stock, ledger.Version), start: last + 2, end: last + 3,
		exact: true, stock: ledger.Stock, known: true, version: ledger.Version,
	})
}
