package bench

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

func TestAMedianIsTheMiddleOfWhatWasMeasured(t *testing.T) {
	for _, row := range []struct {
		of   []float64
		want float64
	}{
		{[]float64{7}, 7},
		{[]float64{9, 1, 5}, 5},
		{[]float64{1, 100, 3, 5}, 4},
	} {
		require.InDelta(t, row.want, median(row.of), 0)
	}
}

func TestATableTellsWhatWasMissed(t *testing.T) {
	for _, row := range []struct {
		name     string
		quick    []float64
		slow     []float64
		met      bool
		contains string
	}{
		{"met in every round", []float64{20, 40, 60}, []float64{10, 20, 30}, true, "2.00"},
		{"met exactly", []float64{15}, []float64{10}, true, "1.50"},
		{"a slow moment that hit both", []float64{20, 4, 20}, []float64{10, 2, 10}, true, "2.00"},
		{"a slow moment that hit one", []float64{20, 2, 20}, []float64{10, 10, 10}, true, "2.00"},
		{"missed", []float64{14, 20, 10}, []float64{10, 10, 10}, false, "MISSED"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &results{rates: map[string][]float64{}}
			for i := range row.quick {
				r.add("quick", row.quick[i])
				r.add("slow", row.slow[i])
			}
			var out strings.Builder
			require.Equal(t, row.met, r.print(&out, []bar{{of: "quick", to: "slow", least: 1.5, says: "why"}}))
			texttest.Contains(t, out.String(), row.contains)
			texttest.Contains(t, out.String(), "quick to slow (why)")
		})
	}
}

func TestTheCommandLineHasDefaultsAndIsChecked(t *testing.T) {
	o, err := Parse(nil, io.Discard)
	require.NoError(t, err)
	require.Equal(t, Options{Rounds: 7, Turns: 8, Warm: 50 * time.Millisecond, Last: 250 * time.Millisecond, Callers: 200, Clients: 32, Requests: 10 * time.Second}, o)
	for _, wrong := range []string{"-rounds=0", "-turns=0", "-callers=0", "-clients=0", "-requests=0s", "-only=else", "-last=0s", "-warm=-1s", "more", "-unknown"} {
		_, err := Parse([]string{wrong}, io.Discard)
		require.Error(t, err, wrong)
	}
}

func TestEveryBarNamesTwoWays(t *testing.T) {
	for _, b := range bars() {
		require.Contains(t, []string{grouped}, b.of)
		require.Contains(t, []string{bare, alone}, b.to)
		require.Positive(t, b.least)
	}
	for _, b := range overheadBars() {
		require.Equal(t, bar{of: metered, to: unmetered, least: 0.97, says: b.says}, b)
	}
}
