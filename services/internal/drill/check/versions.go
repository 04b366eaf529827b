package check

import (
	"cmp"
	"slices"
	"time"

	"evergreen/services/internal/drill/history"
)

// editsThere holds the versions that were given against the one at the end: each
// version in between was made by one edit, acknowledged or unknown.
func (r *record) editsThere() {
	edits := r.writesOf(history.Edit)
	for _, product := range r.products() {
		ledger, there := r.h.Audit.Products[product]
		if !there {
			continue
		}
		first, last := r.h.Initial[product].Version, ledger.Version
		made := map[int64]*operation{}
		for _, op := range edits[product] {
			if op.fate != done {
				continue
			}
			version := op.answer.Version
			switch other := made[version]; {
			case other != nil:
				op.effect = isWrong
				r.report(RuleVersion, append(other.ids(), op.ids()...), "product %s: version %d was given twice, to #%d and to #%d",
					product, version, other.ID, op.ID)
			case op.IfMatch != 0 && version != op.IfMatch+1:
				op.effect = isWrong
				r.report(RuleVersion, op.ids(), "product %s: an edit of version %d made version %d", product, op.IfMatch, version)
			case version > last:
				r.lost(op, "product %s: an edit that made version %d was acknowledged, and at the end it has version %d", product, version, last)
			}
			made[version] = op
		}
		r.unknownEdits(product, first, last, edits[product], made)
	}
}

// unknownEdits finds for each version that nobody was told of an edit that may
// have made it. One that was based on a version says which it would have made.
func (r *record) unknownEdits(product string, first, last int64, edits []*operation, made map[int64]*operation) {
	candidates := map[int64][]*operation{}
	for _, op := range edits {
		switch {
		case op.effect != may:
		case op.IfMatch == 0:
			candidates[0] = append(candidates[0], op)
		case made[op.IfMatch+1] != nil || op.IfMatch >= last:
			op.effect = didNot
		default:
			candidates[op.IfMatch+1] = append(candidates[op.IfMatch+1], op)
		}
	}
	free := len(candidates[0]) // may have made any
	for version := first + 1; version <= last; version++ {
		switch found := candidates[version]; {
		case made[version] != nil:
		case len(found) == 1 && len(candidates[0]) == 0:
			found[0].effect = did
		case len(found) > 0:
		case free > 0:
			free--
		default:
			r.ghost(product, action{text: "an edit that nobody asked for", edit: true})
			r.duplicated(nil, "product %s: nobody asked for version %d", product, version)
		}
	}
	if last < first {
		r.spoilt[product] = true
		r.report(RuleVersion, nil, "product %s had version %d at first and %d at the end", product, first, last)
	}
}

// sight is a version of a product that an acknowledged operation made or saw.
type sight struct {
	version    int64
	start, end time.Duration
	token      int64 // the commit number that its answer told, 0 for none
	client     int
	op         int
}

// sights are those that are as good as acknowledged: edits, and reads as strong
// as a write. What other reads saw may be from a write that was never
// acknowledged, and binds nobody.
func (r *record) sights() map[string][]sight {
	seen := map[string][]sight{}
	for _, op := range r.operations {
		strong := op.Kind == history.ReadProduct && op.Strength == history.Strong
		if op.fate != done || op.effect == isWrong || op.Kind != history.Edit && !strong {
			continue
		}
		a := op.answer
		seen[op.Product] = append(seen[op.Product], sight{a.Version, op.Start, op.end, token(a.NewToken), op.Client, a.ID})
	}
	return seen
}

// versionsForward holds each sight of a product against those that had ended
// before it began, and against the version at the end.
func (r *record) versionsForward() {
	seen := r.sights()
	for _, product := range r.products() {
		if ledger, there := r.h.Audit.Products[product]; there {
			seen[product] = append(seen[product], sight{version: ledger.Version, start: never, end: never})
		}
		r.forward(product, seen[product])
	}
}

func (r *record) forward(product string, seen []sight) {
	byEnd := slices.Clone(seen)
	slices.SortStableFunc(byEnd, func(a, b sight) int { return cmp.Compare(a.end, b.end) })
	slices.SortStableFunc(seen, func(a, b sight) int { return cmp.Compare(a.start, b.start) })
	var newest sight
	next := 0
	for _, s := range seen {
		for ; next < len(byEnd) && byEnd[next].end < s.start; next++ {
			if byEnd[next].version > newest.version {
				newest = byEnd[next]
			}
		}
		if s.version >= newest.version {
			continue
		}
		if s.start == never {
			r.report(RuleVersion, []int{newest.op}, "product %s had version %d in #%d and has %d at the end", product, newest.version, newest.op, s.version)
			continue
		}
		r.backward(s.op)
		r.report(RuleVersion, []int{newest.op, s.op}, "product %s had version %d in #%d, and then %d in #%d",
			product, newest.version, newest.op, s.version, s.op)
	}
}

// backward keeps a false answer out of the search for an order, which would only
// find the same once more.
func (r *record) backward(id int) {
	for _, op := range r.operations {
		if op.answer != nil && op.answer.ID == id {
			op.effect = isWrong
		}
	}
}

// token reads a Consistency-Token, the number of a commit; 0 for none.
func token(text string) int64 { return history.Number(text) }
