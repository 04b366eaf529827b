package budget

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// measured is a figure for every row, all alike but for processor time, whose ratio is given.
func measured(figure, ratio float64) entry {
	e := entry{Issue: "an issue", Figures: map[string]float64{}, Micros: map[string]map[string]float64{}, Ratios: map[string]map[string]float64{}, Allowed: 3}
	for _, name := range figures() {
		e.Figures[name] = figure
	}
	for _, loop := range loops() {
		e.Micros[loop], e.Ratios[loop] = map[string]float64{}, map[string]float64{}
		for _, row := range rows() {
			e.Micros[loop][row], e.Ratios[loop][row] = 1000, ratio
		}
	}
	return e
}

func TestAnIssueMayAddThreePercentToWhatTheOneBeforeItLeft(t *testing.T) {
	t.Parallel()
	base := measured(100, 1)
	base.Commit = "0123"
	for name, c := range map[string]struct {
		entries []entry
		now     entry
		over    int
	}{
		"as much":                            {[]entry{base}, measured(100, 1), 0},
		"3 % more":                           {[]entry{base}, measured(103, 1.03), 0},
		"more commands and bytes":            {[]entry{base}, measured(103.1, 1), 6},
		"more processor time in both loops":  {[]entry{base}, measured(100, 1.031), 2},
		"less":                               {[]entry{base}, measured(50, 0.5), 0},
		"3 % more than the issue before":     {[]entry{base, measured(103, 1.03)}, measured(106, 1.06), 0},
		"more than that over the one before": {[]entry{base, measured(90, 0.9)}, measured(93, 0.93), 8},
		"no processor time was measured":     {[]entry{base, measured(103, 1.03)}, entry{Figures: measured(106, 1).Figures}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over := (&book{Entries: c.entries}).over(c.now)
			require.Len(t, over, c.over, strings.Join(over, "\n"))
		})
	}
}

func TestWhatIsRecordedStandsInTheBookAndOnThePage(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "docs"), 0o700))
	require.NoError(t, os.WriteFile(pagePath(root), []byte("before\n"+tablesBegin+"old"+tablesEnd+"\nafter\n"), 0o600))
	base := measured(100, 1)
	base.Commit = "0123"
	b := &book{Entries: []entry{base}}
	for figure, issue := range map[float64]string{102: "Safe to change"} {
		e := measured(figure, 1.012)
		e.Issue = issue
		require.NoError(t, b.record(root, e))
		e.Figures[figureKept] = 101
		require.NoError(t, b.record(root, e), "the same issue, measured once more")
	}
	kept, err := readBook(root)
	require.NoError(t, err)
	require.Equal(t, b, kept)
	require.Len(t, kept.Entries, 2)
	page, err := os.ReadFile(pagePath(root))
	require.NoError(t, err)
	text := string(page)
	require.True(t, strings.HasPrefix(text, "before\n") && strings.HasSuffix(text, "\nafter\n"), text)
	require.NotContains(t, text, "old")
	require.Contains(t, text, "### Safe to change")
	require.Contains(t, text, "| bytes kept in Redis | 101.0 | +1.0 % |")
	require.Contains(t, text, "| 1.012 ±")
	require.Contains(t, text, "Most is added to: commands on the primary, +2.0 %. Allowed: 3 %.")
}

func TestThePageHasTheFiguresOfTheBook(t *testing.T) {
	t.Parallel()
	root, b := theBook(t)
	page, err := os.ReadFile(pagePath(root))
	require.NoError(t, err)
	renewed, err := b.page(string(page))
	require.NoError(t, err)
	require.Equal(t, renewed, string(page))
	for i, e := range b.Entries[1:] {
		require.Empty(t, (&book{Entries: b.Entries[:i+1]}).overBy(e, e.Allowed), e.Issue)
	}
}

func TestAKindOfKeyIsItsNameWithoutTheObject(t *testing.T) {
	t.Parallel()
	for key, kind := range map[string]string{
		"evg:events": "events",
		"evg:purchase:0193a1b2-1111-7222-8333-444455556666":       "purchase",
		"evg:purchases:pending":                                   "purchases:pending",
		"evg:user:0193a1b2-1111-7222-8333-444455556666:purchases": "user:purchases",
		"evg:rate:address:127.0.0.1":                              "rate",
		"evg:request:Zm9vYmFy-9":                                  "request",
	} {
		require.Equal(t, kind, kindOf(key), key)
	}
}

func TestTheSpreadOfAMedianIsNarrowerTheMoreWasMeasured(t *testing.T) {
	t.Parallel()
	var few, many []float64
	for i := range 60 {
		value := float64(i%6) / 100
		if i < 6 {
			few = append(few, value)
		}
		many = append(many, value)
	}
	require.InDelta(t, 0.025, median(few), 1e-9)
	require.InDelta(t, 0.025, spread(few), 1e-9, "of six values, all of them")
	require.InDelta(t, 0.025, median(many), 1e-9)
	require.InDelta(t, 0.005, spread(many), 0.0051)
}
