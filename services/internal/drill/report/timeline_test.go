package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/history"
)

const ms = time.Millisecond

func TestRequestsAreCountedWhenTheyAreAnsweredByOutcome(t *testing.T) {
	timeline := NewTimeline(&history.History{Ops: []history.Op{
		{Kind: history.Buy, Start: 0, End: 10 * ms, Outcome: history.Done},
		{Kind: history.Buy, Start: 0, End: 30 * ms, Outcome: history.Done},
		{Kind: history.Pay, Start: 0, End: 99 * ms, Outcome: history.Done},
		{Kind: history.ReadProduct, Start: 90 * ms, End: 99 * ms, Outcome: history.Done},
		{Kind: history.Buy, Start: 90 * ms, End: 100 * ms, Outcome: history.Refused},
		{Kind: history.Cancel, Start: 90 * ms, End: 399 * ms, Outcome: history.Unknown},
		{Kind: history.ReadPurchase, Start: 390 * ms, End: 399 * ms, Outcome: history.NotDone},
	}})
	require.Equal(t, []Row{
		{Good: 4, WriteP50: 30 * ms, WriteMax: 99 * ms, ReadP50: 9 * ms, ReadMax: 9 * ms},
		{At: 100 * ms, Refused: 1, WriteP50: 10 * ms, WriteMax: 10 * ms},
		{At: 200 * ms},
		{At: 300 * ms, Failed: 2},
	}, timeline.Rows)
	require.Equal(t, 100*ms, timeline.Bucket)
}

func TestEveryRequestOfAHistoryIsInItsTimeline(t *testing.T) {
	h := crash()
	counted := map[string]int{}
	for _, r := range NewTimeline(h).Rows {
		counted["good"] += r.Good
		counted["refused"] += r.Refused
		counted["failed"] += r.Failed
	}
	want := map[string]int{}
	for _, op := range h.Ops {
		want[map[history.Outcome]string{history.Done: "good", history.Refused: "refused", history.Unknown: "failed"}[op.Outcome]]++
	}
	require.Equal(t, want, counted)
}

func TestEventsAreInTheOrderOfTheirTimes(t *testing.T) {
	h := &history.History{Events: []history.Event{{At: 3, What: history.Heal}, {At: 1, What: history.Fault}, {At: 1, What: history.Injected}}}
	require.Equal(t, []history.Event{{At: 1, What: history.Fault}, {At: 1, What: history.Injected}, {At: 3, What: history.Heal}}, NewTimeline(h).Events)
	require.Equal(t, history.Heal, h.Events[0].What, "the history is left as it is")
}

func TestNoRequestsMakeNoRows(t *testing.T) {
	require.Empty(t, NewTimeline(&history.History{}).Rows)
}

func TestAPercentileIsAMeasuredValueByNearestRank(t *testing.T) {
	twenty := make([]time.Duration, 20)
	for i := range twenty {
		twenty[i] = time.Duration(i + 1)
	}
	for _, c := range []struct {
		of      []time.Duration
		percent int
		want    time.Duration
	}{
		{nil, 50, 0},
		{[]time.Duration{7}, 50, 7},
		{[]time.Duration{7}, 99, 7},
		{[]time.Duration{1, 2}, 50, 1},
		{[]time.Duration{1, 2, 3}, 50, 2},
		{twenty, 50, 10},
		{twenty, 95, 19},
		{twenty, 96, 20},
		{twenty, 100, 20},
		{twenty[:19], 95, 19},
		{twenty, 0, 1},
	} {
		require.Equal(t, c.want, nearestRank(c.of, c.percent), "%d %% of %v", c.percent, c.of)
	}
}
