package report

import (
	"cmp"
	"slices"
	"time"

	"evergreen/services/internal/drill/history"
)

// bucket is how finely the picture tells time apart: a failover takes seconds,
// and 400 requests a second leave enough in each to speak of a median.
const bucket = 100 * time.Millisecond

// NewTimeline counts a history's requests by the moment of their answers, in
// buckets of 100 ms from its begin to its last answer, the empty ones too: they
// are the gaps. Latencies are of good answers: a definite refusal is one, and waits
// for the same acknowledgement as what it refuses would.
func NewTimeline(h *history.History) *Timeline {
	t := &Timeline{Bucket: bucket, Events: slices.DeleteFunc(slices.Clone(h.Events), isForJudge)}
	slices.SortStableFunc(t.Events, func(a, b history.Event) int { return cmp.Compare(a.At, b.At) })
	latencies := t.count(h.Ops)
	for i, l := range latencies {
		t.Rows[i].WriteP50, t.Rows[i].WriteMax = medianAndMax(l.writes)
		t.Rows[i].ReadP50, t.Rows[i].ReadMax = medianAndMax(l.reads)
	}
	return t
}

// isForJudge tells an event that only the judge needs: the fault notes a step beside it.
func isForJudge(e history.Event) bool { return e.What == history.Program }

// latencies are those of one bucket's good answers.
type latencies struct{ writes, reads []time.Duration }

// count makes the rows, and collects their latencies.
func (t *Timeline) count(ops []history.Op) []latencies {
	var last time.Duration
	for _, op := range ops {
		last = max(last, op.End)
	}
	if len(ops) == 0 {
		return nil
	}
	t.Rows = make([]Row, last/bucket+1)
	seen := make([]latencies, len(t.Rows))
	for i := range t.Rows {
		t.Rows[i].At = time.Duration(i) * bucket
	}
	for _, op := range ops {
		i := max(op.End, 0) / bucket
		t.Rows[i].add(op.Outcome)
		if op.Outcome == history.Done || op.Outcome == history.Refused {
			seen[i].add(op)
		}
	}
	return seen
}

func (r *Row) add(outcome history.Outcome) {
	switch outcome {
	case history.Done:
		r.Good++
	case history.Refused:
		r.Refused++
	default:
		r.Failed++
	}
}

func (l *latencies) add(op history.Op) {
	if op.Kind.Write() {
		l.writes = append(l.writes, op.End-op.Start)
	} else {
		l.reads = append(l.reads, op.End-op.Start)
	}
}

func medianAndMax(values []time.Duration) (median, greatest time.Duration) {
	slices.Sort(values)
	return nearestRank(values, 50), nearestRank(values, 100)
}

// nearestRank is the percentile of sorted values by the nearest-rank method: the
// smallest value that at least percent of a hundred of the values do not exceed.
// So it is always one that was measured, and the 95th of fewer than twenty is the
// greatest. 0 of none.
func nearestRank(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*percent + 99) / 100
	return sorted[max(rank, 1)-1]
}

// extent is how long the timeline is: to the end of its last row, or to its last
// event if that is later.
func (t *Timeline) extent() time.Duration {
	end := time.Duration(len(t.Rows)) * t.Bucket
	for _, e := range t.Events {
		end = max(end, e.At)
	}
	return end
}
