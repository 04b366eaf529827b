package check

import (
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"evergreen/services/internal/drill/history"
)

// group is when the shop submitted an operation, as far as its answer tells: each
// API replica submits groups, one after the other, and an answer's
// Consistency-Token is the number that its group was given at its end. It only
// guides the search for an order, for a group that was submitted again after a
// failover may have been done the first time.
type group struct {
	number int64 // it was done before this group's end
	after  int64 // and after the end of this one, by the same replica
	// made is when the shop made the id of the purchase, which it does before it
	// submits it; 0: not known.
	made time.Duration
}

// together says that two groups are the same, as far as is known.
func (g group) together(other group) bool { return g.number == other.number && g.after == other.after }

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
	made := r.made()
	return func(op *operation) group {
		g := group{number: math.MaxInt64}
		if op == nil || op.answer == nil || token(op.answer.NewToken) == 0 {
			return g
		}
		g.made = made[op]
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

// slack is how far the wall clock, which ids are made by, may be from the
// history's monotonic one.
const slack = 100 * time.Millisecond

// made is when the ids of purchases were made: a UUID of version 7 tells the
// millisecond (RFC 9562, section 5.7). Of no purchase if any was made outside
// its own time: then some clock is not to be trusted.
func (r *record) made() map[*operation]time.Duration {
	all := map[*operation]time.Duration{}
	for _, op := range r.operations {
		if op.Kind != history.Buy || op.fate != done {
			continue
		}
		id, err := uuid.Parse(op.answer.Purchase)
		if err != nil || id.Version() != 7 {
			return nil
		}
		made := time.Unix(id.Time().UnixTime()).Sub(r.h.Begin)
		if made < op.Start-slack || made > op.end+slack {
			return nil
		}
		all[op] = made - slack
	}
	return all
}
