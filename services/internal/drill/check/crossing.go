package check

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"evergreen/services/internal/drill/history"
)

// programs tells which version of the shop's program an API replica ran at a time.
type programs map[string][]history.Event

func programsOf(h *history.History) programs {
	found := programs{}
	for _, e := range h.Events {
		if e.What == history.Program {
			found[e.Replica] = append(found[e.Replica], e)
		}
	}
	return found
}

// at is the version that the replica ran; "" if it is not known.
func (p programs) at(replica string, t time.Duration) string {
	version := ""
	for _, e := range p[replica] {
		if e.At <= t {
			version = e.Text
		}
	}
	return version
}

// versions lists those that ran during the load.
func (p programs) versions() []string {
	all := map[string]bool{}
	for _, events := range p {
		for _, e := range events {
			all[e.Text] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// crossing is a kind of retry: the versions that answered first and next, and the outcome that was answered first.
type crossing struct {
	first, next string
	outcome     history.Outcome
}

// crossings holds each request that one version answered under a key, after another version had, against that answer.
// The other version has to know the outcome, and so has to say that it is replayed: an answer that is made anew may be
// the same by chance. oneOutcome says in what the answers differ. A run with several versions is to have such retries from
// each to each, of effects and of refusals.
func (r *record) crossings() {
	ran := programsOf(r.h)
	versions := ran.versions()
	if len(versions) < 2 {
		return
	}
	seen := map[crossing]int{}
	for _, op := range r.operations {
		if op.Key != "" && op.Kind.Write() {
			r.crossed(op, ran, seen)
		}
	}
	for _, first := range versions {
		for _, next := range versions {
			for _, outcome := range []history.Outcome{history.Done, history.Refused} {
				if first != next && seen[crossing{first, next, outcome}] == 0 {
					r.report(RuleUnshown, nil, "no key whose outcome was %q at %s was sent again to %s", outcome, first, next)
				}
			}
		}
	}
}

// crossed judges one operation. Only a request that began after an answer had ended has to know of it.
func (r *record) crossed(op *operation, ran programs, seen map[crossing]int) {
	answers := slices.DeleteFunc(slices.Clone(op.requests), func(request history.Op) bool {
		return request.Outcome != history.Done && request.Outcome != history.Refused
	})
	slices.SortStableFunc(answers, func(a, b history.Op) int { return cmp.Compare(a.End, b.End) })
	for i, next := range answers {
		to := ran.at(next.ServedBy, next.End)
		for _, first := range answers[:i] {
			from := ran.at(first.ServedBy, first.End)
			if first.End > next.Start || from == "" || to == "" || from == to {
				continue
			}
			seen[crossing{from, to, first.Outcome}]++
			if !next.Replayed {
				r.report(RuleCrossing, op.ids(), "%s with key %q was answered by %s in #%d, and %s carried it out anew in #%d: it is not marked as replayed",
					op.Kind, op.Key, from, first.ID, to, next.ID)
				break
			}
		}
	}
}
