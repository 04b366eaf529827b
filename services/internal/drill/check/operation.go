package check

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"evergreen/services/internal/drill/history"
)

// never is the end of an operation that was never answered.
const never = time.Duration(math.MaxInt64)

// fate is what the client knows of an operation after all its requests.
type fate int

const (
	done    fate = iota // answered with an effect
	refused             // refused for good
	unknown             // some request may have done it
	notSent             // every answer says that nothing was written
)

// doubt is what the judge knows of an operation after the audit.
type doubt int

const (
	may     doubt = iota // nothing says whether it happened
	did                  // it happened
	didNot               // it did not happen
	isWrong              // it was answered, and a rule has found the answer false
)

// operation is one logical operation: what was asked, by its first request, and
// what became of it, by all of them.
type operation struct {
	history.Op
	requests []history.Op
	answer   *history.Op   // the first definite one; nil without
	end      time.Duration // of that answer, or never
	fate     fate
	effect   doubt
}

// newOperation joins the requests for one operation. The first definite answer
// counts: whatever is asked later under the same key has to repeat it.
func newOperation(requests []history.Op) *operation {
	op := &operation{Op: requests[0], requests: requests, end: never, fate: notSent}
	for i := range requests {
		request := &requests[i]
		op.Start = min(op.Start, request.Start)
		definite := request.Outcome == history.Done || request.Outcome == history.Refused
		if definite && request.End < op.end {
			op.answer, op.end = request, request.End
		}
		if request.Outcome == history.Unknown {
			op.fate = unknown
		}
	}
	switch {
	case op.answer == nil && op.fate == notSent:
		op.effect = didNot
	case op.answer == nil:
	case op.answer.Outcome == history.Done:
		op.fate, op.effect = done, did
	default:
		op.fate, op.effect = refused, didNot
	}
	return op
}

// ids are the requests, for a violation.
func (op *operation) ids() []int {
	ids := make([]int, len(op.requests))
	for i, request := range op.requests {
		ids[i] = request.ID
	}
	return ids
}

// String says what was asked and what was answered, short enough for a list.
func (op *operation) String() string {
	what := string(op.Kind)
	switch op.Kind {
	case history.Buy:
		what += fmt.Sprint(" ", op.Lines)
	case history.Adjust:
		what += fmt.Sprintf(" by %+d", op.Delta)
	case history.Edit:
		what += fmt.Sprintf(" of version %d", op.IfMatch)
	}
	return fmt.Sprintf("#%d %s from %s to %s: %s", op.ID, what, at(op.Start), at(op.end), op.said())
}

func (op *operation) said() string {
	a := op.answer
	if a == nil {
		return "outcome unknown"
	}
	switch {
	case a.Outcome == history.Refused && a.Short != nil:
		return fmt.Sprintf("refused %d, available %v", a.Status, a.Short)
	case a.Outcome == history.Refused:
		return fmt.Sprintf("refused %d %s", a.Status, a.Code)
	case a.State != "":
		return "done, " + a.State
	case op.Kind == history.Adjust:
		return fmt.Sprintf("done, stock %d", a.Stock)
	case op.Kind == history.ReadProduct || op.Kind == history.Edit:
		return fmt.Sprintf("done, stock %d, version %d", a.Stock, a.Version)
	}
	return "done"
}

func at(t time.Duration) string {
	if t == never {
		return "(no answer)"
	}
	return fmt.Sprintf("%.3f s", t.Seconds())
}

// quantities sums a purchase's lines by product, as the shop does.
func quantities(lines []history.Line) map[string]int64 {
	sum := make(map[string]int64, len(lines))
	for _, line := range lines {
		sum[line.Product] += line.Quantity
	}
	return sum
}

// basket is the same as text, to compare and to group by.
func basket(lines []history.Line) string {
	var parts []string
	for product, quantity := range quantities(lines) {
		parts = append(parts, fmt.Sprintf("%d of %s", quantity, product))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
