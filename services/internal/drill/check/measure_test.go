package check

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/history"
)

// request is a write of so many milliseconds from and to.
func request(from, to int, outcome history.Outcome) history.Op {
	return history.Op{Kind: history.Adjust, Start: time.Duration(from) * time.Millisecond, End: time.Duration(to) * time.Millisecond, Outcome: outcome}
}

func TestFiguresAreToldApartByTheFault(t *testing.T) {
	h := &history.History{
		Events: []history.Event{{At: time.Second, What: history.Fault}, {At: 2 * time.Second, What: history.Heal}},
		Ops: []history.Op{
			request(0, 10, history.Done),
			request(100, 130, history.Refused),
			request(990, 2490, history.Done), // sent before the fault
			request(1500, 3000, history.Done),
			request(1600, 11_600, history.Unknown),
			request(1700, 1710, history.NotDone),
			request(13_000, 13_040, history.Done),
		},
	}
	h.Ops[4].Error, h.Ops[5].Status, h.Ops[5].Code = "EOF", 503, "busy"
	f := Measure(h)
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	require.Equal(t, Series{
		Requests: 7, Failed: 2, Gap: 10 * time.Second, Resumed: 2 * time.Second,
		Before: Latency{P50: ms(30), P95: ms(1500), P99: ms(1500), Max: ms(1500)},
		During: Latency{P50: ms(1500), P95: ms(1500), P99: ms(1500), Max: ms(1500)},
		After:  Latency{P50: ms(40), P95: ms(40), P99: ms(40), Max: ms(40)},
	}, f.Writes)
	require.Equal(t, Series{Gap: 12 * time.Second}, f.Reads)
	require.Equal(t, map[string]int{"no answer": 1, "busy": 1}, f.Errors)
}

func TestAShopThatIsNeverBackHasAGapToTheEndOfTheLoad(t *testing.T) {
	h := &history.History{
		Events: []history.Event{{At: time.Second, What: history.Fault}},
		Ops:    []history.Op{request(0, 10, history.Done), request(1500, 9000, history.Unknown), request(8000, 9500, history.Unknown)},
	}
	h.Ops[1].Status = 502
	f := Measure(h)
	require.Equal(t, 7*time.Second, f.Writes.Gap)
	require.Zero(t, f.Writes.Resumed)
	require.Equal(t, map[string]int{"status 502": 1, "no answer": 1}, f.Errors)
}

func TestWithoutAFaultEverythingIsBefore(t *testing.T) {
	h := &history.History{Ops: []history.Op{request(0, 10, history.Done), request(5000, 5020, history.Done)}}
	f := Measure(h)
	require.Equal(t, 20*time.Millisecond, f.Writes.Before.Max)
	require.Zero(t, f.Writes.During)
	require.Zero(t, f.Writes.After)
	require.Zero(t, f.Writes.Gap)
}

func TestThePercentilesAreByTheNearestRank(t *testing.T) {
	var took []time.Duration
	for i := range 200 {
		took = append(took, time.Duration(200-i))
	}
	require.Equal(t, Latency{P50: 100, P95: 190, P99: 198, Max: 200}, latency(took))
}
