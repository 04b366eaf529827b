package check

import (
	"fmt"
	"maps"
	"strings"

	"evergreen/services/internal/drill/history"
)

// oneOutcome holds all definite answers to one operation against the first: the
// shop promises the same status and the same body, and a client that was refused
// must never learn later that it bought.
func (r *record) oneOutcome() {
	for _, op := range r.operations {
		if op.answer == nil || !op.Kind.Write() {
			continue
		}
		for i := range op.requests {
			request := &op.requests[i]
			if request.Outcome != history.Done && request.Outcome != history.Refused {
				continue
			}
			if differ := differences(op.answer, request); len(differ) > 0 {
				r.report(RuleKey, op.ids(), "%s with key %q was answered twice, differently: %s",
					op.Kind, op.Key, strings.Join(differ, ", "))
				break
			}
		}
	}
}

func differences(a, b *history.Op) []string {
	var found []string
	add := func(what string, x, y any) {
		if x != y {
			found = append(found, fmt.Sprintf("%s %v in #%d and %v in #%d", what, x, a.ID, y, b.ID))
		}
	}
	add("outcome", a.Outcome, b.Outcome)
	add("status", a.Status, b.Status)
	add("code", a.Code, b.Code)
	if a.Outcome == history.Done && b.Outcome == history.Done {
		add("body", a.Body, b.Body)
		if a.Kind == history.Buy {
			add("purchase", a.Purchase, b.Purchase)
		}
	}
	if !maps.Equal(a.Short, b.Short) {
		found = append(found, fmt.Sprintf("available %v in #%d and %v in #%d", a.Short, a.ID, b.Short, b.ID))
	}
	return found
}
