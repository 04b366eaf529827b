package check

import (
	"math"
	"slices"
)

// group is when the shop submitted an operation, as far as its answer tells: each
// API replica submits groups, one after the other, and an answer's
// Consistency-Token is the number that its group was given at its end. It only
// guides the search for an order, for a group that was submitted again after a
// failover may have been done the first time.
type group struct {
	number int64 // it was done before this group's end
	after  int64 // and after the end of this one, by the same replica
}

// groups gives the group of each operation.
func (r *record) groups() func(*operation) group {
	numbers := map[string][]int64{} // of each replica
	for i := range r.h.Ops {
		if n := token(r.h.Ops[i].NewToken); n > 0 {
			numbers[r.h.Ops[i].ServedBy] = append(numbers[r.h.Ops[i].ServedBy], n)
		}
	}
	for replica := range numbers {
		slices.Sort(numbers[replica])
	}
	return func(op *operation) group {
		g := group{number: math.MaxInt64}
		if op == nil || op.answer == nil || token(op.answer.NewToken) == 0 {
			return g
		}
		g.number = token(op.answer.NewToken)
		if op.answer.Replayed {
			return g // it was done in an earlier one
		}
		others := numbers[op.answer.ServedBy]
		if at, _ := slices.BinarySearch(others, g.number); at > 0 {
			g.after = others[at-1]
		}
		return g
	}
}
