package check

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"evergreen/services/internal/drill/history"
)

// stage is a purchase's state in the model: where it is, and whether all has
// been seen that ever will be.
type stage struct {
	state string // "" before it is made
	over  bool
}

// move is an operation as its purchase sees it.
type move struct {
	op         *operation // nil for the audit
	start, end time.Duration
	optional   bool
	from       []string // states that its answer allows just before it
	to         string   // "": it changes nothing
}

func (s stage) step(m *move) (stage, bool) {
	if m.optional {
		// A move without an answer may have been refused, too.
		if !s.over && slices.Contains(m.from, s.state) {
			s.state = m.to
		}
		return s, true
	}
	if !slices.Contains(m.from, s.state) {
		return s, false
	}
	if m.to != "" {
		s.state = m.to
	}
	return s, true
}

// purchaseOrders looks for an order of all that happened to each purchase. What
// nobody but its maker ever asked for has only one.
func (r *record) purchaseOrders(end time.Time) {
	for _, id := range slices.Sorted(maps.Keys(r.purchases)) {
		p := r.purchases[id]
		if p.bought == nil || p.bought.effect == isWrong {
			continue // its rule was told
		}
		moves := r.movesOf(p)
		r.partition(len(moves))
		if len(moves) > mostActions {
			r.report(RuleUndecided, nil, "purchase %s has %d operations, and %d are the most that are searched for an order", id, len(moves), mostActions)
			continue
		}
		if len(moves) < 2 {
			continue
		}
		switch judgeMoves(moves, r.patience(end)) {
		case porcupine.Illegal:
			r.tellMoves(RuleLinearizable, id, moves)
		case porcupine.Unknown:
			r.tellMoves(RuleUndecided, id, moves)
		}
	}
}

func (r *record) tellMoves(rule, id string, moves []*move) {
	var text string
	var ops []int
	for i, m := range moves {
		if m.op == nil {
			text += "; in the end " + m.from[0]
			continue
		}
		if i > 0 {
			text += "; "
		}
		text += m.op.String()
		ops = append(ops, m.op.ids()...)
	}
	r.report(rule, ops, "purchase %s: no order of its operations was found: %s", id, text)
}

func (r *record) movesOf(p *purchase) []*move {
	moves := []*move{{op: p.bought, start: p.bought.Start, end: p.bought.end, from: []string{""}, to: pending}}
	trusted := true // the final state is no news
	for _, op := range p.operations {
		if op.effect == isWrong {
			trusted = false
		}
		if m := moveOf(op); m != nil {
			moves = append(moves, m)
		}
	}
	if p.audited != nil && trusted && r.explained(p) {
		moves = append(moves, &move{start: never - 3, end: never - 3, from: []string{p.audited.State}})
	}
	return telling(moves)
}

// telling leaves out what can be told from the rest, for Porcupine tries every
// set of what ran at the same time. A purchase never comes back to a state that
// it has left. So of all that saw the same, the one that ended first and the one
// that began last hold for the rest; and of the moves that may have happened, at
// most one did, and the one that began first could do whatever another could.
func telling(all []*move) []*move {
	kept := slices.Clone(all)
	slices.SortStableFunc(kept, func(a, b *move) int { return cmp.Compare(a.start, b.start) })
	first, last, open := map[string]*move{}, map[string]*move{}, map[string]*move{}
	for _, m := range kept {
		seen := fmt.Sprint(m.from)
		switch {
		case m.optional:
			if open[m.to] == nil {
				open[m.to] = m
			}
		case m.to == "":
			if first[seen] == nil || m.end < first[seen].end {
				first[seen] = m
			}
			last[seen] = m
		}
	}
	return slices.DeleteFunc(kept, func(m *move) bool {
		if m.optional {
			return open[m.to] != m
		}
		seen := fmt.Sprint(m.from)
		return m.to == "" && first[seen] != m && last[seen] != m
	})
}

// explained says that somebody can have brought the purchase into its final
// state; otherwise statesKept has reported it.
func (r *record) explained(p *purchase) bool {
	state := p.audited.State
	return state == pending || slices.ContainsFunc(p.operations, func(op *operation) bool {
		return op.Kind == moves(state) && (op.effect == did || op.effect == may)
	})
}

func moveOf(op *operation) *move {
	m := &move{op: op, start: op.Start, end: op.end, optional: op.effect == may || op.effect == isWrong}
	switch {
	case op.fate == notSent, !op.Kind.Write() && (op.answer == nil || op.Strength != history.Strong):
		return nil
	case op.Kind.Write() && op.effect != didNot:
		m.from, m.to = []string{pending}, paid
		switch op.Kind {
		case history.Cancel:
			m.to = cancelled
		case history.Expire:
			m.to = expired
		}
	case op.effect != did && op.answer == nil:
		return nil // the audit says that it did not happen
	case op.fate == refused && op.answer.Status == http.StatusNotFound:
		m.from = []string{""}
	case op.fate == refused && op.answer.Status == http.StatusConflict:
		m.from = []string{paid, cancelled}
	case op.fate == refused:
		return nil
	default:
		m.from = []string{op.answer.State}
	}
	return m
}

func judgeMoves(moves []*move, limit time.Duration) porcupine.CheckResult {
	operations := make([]porcupine.Operation, 0, len(moves)+1)
	for _, m := range moves {
		end := min(m.end, never-4)
		if m.op == nil {
			end = m.end
		}
		if m.optional {
			end = never - 1
		}
		operations = append(operations, porcupine.Operation{Input: m, Call: int64(m.start), Return: int64(end)})
	}
	operations = append(operations, porcupine.Operation{Input: (*move)(nil), Call: int64(never - 2), Return: int64(never - 2)})
	model := porcupine.Model{
		Init: func() any { return stage{} },
		Step: func(state, input, _ any) (bool, any) {
			s, m := state.(stage), input.(*move)
			if m == nil {
				s.over = true
				return true, s
			}
			next, possible := s.step(m)
			return possible, next
		},
		DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
	}
	return porcupine.CheckOperationsTimeout(model, operations, max(limit, time.Millisecond))
}
