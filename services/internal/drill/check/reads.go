package check

import (
	"time"

	"evergreen/services/internal/drill/history"
)

// ageBound is how old a plain read may be: a replica's data is at most 2 s old by
// the primary's heartbeat, and in the worst case the heartbeat itself waited.
const ageBound = 4 * time.Second

// ageUnit is how exactly an answer tells its own age: in whole seconds, rounded down.
const ageUnit = time.Second

// ownWrites holds reads with a token against what its commit number covers: all
// that the client itself was told, and for products all that anybody was told,
// of commits up to this number.
func (r *record) ownWrites() {
	seen := r.sights()
	for _, read := range r.operations {
		if !judged(read, history.Token) {
			continue
		}
		r.verdict.Reads++
		upTo := token(read.Token)
		if read.Kind == history.ReadPurchase {
			r.purchaseRead(read, RuleOwnWrites, func(write *operation) bool {
				return write.Client == read.Client && write.end <= read.Start && covered(token(write.answer.NewToken), upTo)
			})
			continue
		}
		own := func(s sight) bool { return s.client == read.Client && s.end <= read.Start && covered(s.token, upTo) }
		if !r.productRead(read, RuleOwnWrites, seen[read.Product], own) {
			continue
		}
		r.productRead(read, RuleVersion, seen[read.Product], func(s sight) bool { return s.end <= read.Start && covered(s.token, upTo) })
	}
}

// covered says that a commit is among those that a read with a token shows.
func covered(commit, upTo int64) bool { return commit > 0 && commit <= upTo }

// age holds plain reads against what was acknowledged longer ago than the bound.
func (r *record) age() {
	seen := r.sights()
	for _, read := range r.operations {
		if judged(read, history.Strong) {
			r.verdict.Reads++
		}
		if !judged(read, history.Plain) {
			continue
		}
		r.verdict.Reads++
		bound := ageBound + read.answer.Age
		if read.answer.Age > 0 {
			bound += ageUnit
		}
		if read.Kind == history.ReadPurchase {
			r.purchaseRead(read, RuleAge, func(write *operation) bool { return write.end < read.Start-bound })
			continue
		}
		r.productRead(read, RuleAge, seen[read.Product], func(s sight) bool { return s.end < read.Start-bound })
	}
}

// judged says that an operation is a read of that strength with an answer.
func judged(op *operation, strength history.Strength) bool {
	return !op.Kind.Write() && op.Strength == strength && op.answer != nil
}

// productRead says whether a read shows all the versions that it must.
func (r *record) productRead(read *operation, rule string, seen []sight, must func(sight) bool) bool {
	var newest sight
	for _, s := range seen {
		if s.version > newest.version && must(s) {
			newest = s
		}
	}
	switch a := read.answer; {
	case newest.version == 0:
	case a.Outcome == history.Refused:
		r.report(rule, []int{newest.op, a.ID}, "#%d was told that there is no product %s (%d), which #%d had seen at %s",
			a.ID, read.Product, a.Status, newest.op, at(newest.end))
		return false
	case a.Version < newest.version:
		r.report(rule, []int{newest.op, a.ID}, "#%d, begun at %s, saw version %d of product %s, which had version %d in #%d at %s",
			a.ID, at(read.Start), a.Version, read.Product, newest.version, newest.op, at(newest.end))
		return false
	}
	return true
}

// progress orders a purchase's states: it goes from the lower to the higher.
func progress(state string) int {
	switch state {
	case "":
		return 0
	case pending:
		return 1
	}
	return 2
}

// purchaseRead holds a read against the purchase itself and the moves that it must show.
func (r *record) purchaseRead(read *operation, rule string, must func(*operation) bool) {
	p := r.purchases[read.Purchase]
	for _, write := range append([]*operation{p.bought}, p.operations...) {
		if write == nil || !write.Kind.Write() || write.fate != done || write.effect != did || !must(write) {
			continue
		}
		state := pending
		switch write.Kind {
		case history.Pay:
			state = paid
		case history.Cancel:
			state = cancelled
		}
		shown := ""
		if read.answer.Outcome == history.Done {
			shown = read.answer.State
		}
		if progress(shown) >= progress(state) {
			continue
		}
		if shown == "" {
			shown = "not there"
		}
		r.report(rule, []int{write.answer.ID, read.answer.ID}, "#%d, begun at %s, saw purchase %s as %s, which #%d had made %s at %s",
			read.answer.ID, at(read.Start), read.Purchase, shown, write.answer.ID, state, at(write.end))
		return
	}
}
