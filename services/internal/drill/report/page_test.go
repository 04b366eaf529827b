package report

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/texttest"
)

func TestThePageLoadsNothingAndRunsNoScript(t *testing.T) {
	page := parsed(t, all())
	for _, tag := range []string{"script", "link", "img", "iframe", "object", "image", "use", "foreignobject"} {
		require.Empty(t, page.tags(tag), tag)
	}
	for _, n := range page.every() {
		for _, a := range n.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on"), a.Key)
			if a.Key == "href" || a.Key == "src" {
				require.True(t, strings.HasPrefix(a.Val, "#"), a.Val)
			}
		}
	}
	css := page.tags("style")
	require.Len(t, css, 1)
	texttest.NotContains(t, said(css[0]), "url(")
	texttest.NotContains(t, said(css[0]), "@import")
}

func TestTheTableSaysWhatTheRunsSay(t *testing.T) {
	rows := map[string][]string{}
	page := parsed(t, all())
	for _, row := range page.tags("tr") {
		if links := page.below(row, "a"); len(links) == 1 {
			rows[said(links[0])] = cells(page, row)
		}
	}
	require.Len(t, rows, len(all()))
	for _, r := range all() {
		row := rows[r.Fault]
		if r.NotApplicable != "" {
			require.Equal(t, []string{r.Fault, r.Variant, "not applicable", r.NotApplicable}, row)
			continue
		}
		v := r.Verdict
		require.Equal(t, []string{r.Fault, r.Variant, r.verdict(), "6,796", fmt.Sprint(v.Lost), fmt.Sprint(v.Duplicated), fmt.Sprint(v.Oversold),
			fmt.Sprint(v.Unknown), "3.41 s", "9.00 ms", "3.36 s", "–", "4: 3 outcome-unknown, 1 no answer"}, row)
	}
}

func TestEveryLinkLeadsToSomethingThatIsThereOnce(t *testing.T) {
	page := parsed(t, all())
	ids := map[string]int{}
	for _, n := range page.every() {
		if id := attribute(n, "id"); id != "" {
			ids[id]++
		}
	}
	for id, times := range ids {
		require.Equal(t, 1, times, id)
	}
	for _, n := range page.every() {
		if to, is := strings.CutPrefix(attribute(n, "href"), "#"); is {
			require.Contains(t, ids, to)
		}
		for _, id := range strings.Fields(attribute(n, "aria-labelledby")) {
			require.Contains(t, ids, id)
		}
	}
}

func TestAPictureHasAMarkForEachThingThatWasDoneInTheOrderOfTime(t *testing.T) {
	run := rollingRun()
	page := parsed(t, []Run{run})
	var want, got []string
	for _, e := range run.Timeline.Events {
		if e.What != history.Primary {
			want = append(want, fmt.Sprintf("%.2f s: %s %s", e.At.Seconds(), e.What, e.Text))
		}
	}
	var before float64
	for _, g := range page.tags("g") {
		if !strings.HasPrefix(attribute(g, "class"), "mark ") {
			continue
		}
		got = append(got, said(page.below(g, "title")[0]))
		var x, y float64
		_, err := fmt.Sscanf(attribute(page.below(g, "path")[0], "d"), "M%f %fV", &x, &y)
		require.NoError(t, err)
		require.Greater(t, x, before)
		before = x
	}
	require.Equal(t, want, got)
	require.InDelta(t, float64(plotRight), before, 27, "the last event is one second from the end")
}

func TestLabelsAreReadable(t *testing.T) {
	for _, run := range []Run{crashRun(), rollingRun()} {
		ends := map[int]px{}
		for _, m := range draw(run, "x").Marks {
			require.NotEmpty(t, m.Label, "each has room here")
			from, to := m.LabelX(), m.LabelX()
			if width := letter * px(utf8.RuneCountInString(m.Label)); m.Before {
				from -= width
			} else {
				to += width
			}
			require.GreaterOrEqual(t, from, ends[m.Row], "%q runs into another", m.Label)
			require.LessOrEqual(t, to, pictureWidth, "%q runs out of the picture", m.Label)
			ends[m.Row] = to
		}
	}
}

func TestWithTooManyStepsOnlyNumbersAreLeft(t *testing.T) {
	run := crashRun()
	run.Timeline.Events = nil
	for i := range 300 {
		run.Timeline.Events = append(run.Timeline.Events, history.Event{At: time.Duration(i) * 100 * ms, What: history.Injected, Text: "a step"})
	}
	p := draw(run, "x")
	require.Len(t, p.Marks, 300, "each has its line")
	require.Equal(t, "1", p.Marks[0].Label)
	require.LessOrEqual(t, rowsOf(p.Marks), labelRows)
}

func TestTheBandSaysWhoWasPrimaryWhen(t *testing.T) {
	run := crashRun()
	band := draw(run, "x").Band
	require.Len(t, band, 2)
	require.Equal(t, []string{"redis-1", "redis-2"}, []string{band[0].Node, band[1].Node})
	require.Equal(t, promoted, band[0].To)
	require.Equal(t, run.Timeline.extent(), band[1].To)
	require.InDelta(t, float64(band[0].X+band[0].Width), float64(band[1].X), 0.01)
	require.NotEqual(t, band[0].Class, band[1].Class)

	run.Timeline.Events[0].At = time.Second
	require.Equal(t, "nobody known", draw(run, "x").Band[0].Node)
}

func TestAPictureIsTitledAndToldInWords(t *testing.T) {
	page := parsed(t, []Run{crashRun()})
	pictures := page.tags("svg")
	require.Len(t, pictures, 1)
	require.Equal(t, "Timeline of primary-crash", said(page.below(pictures[0], "title")[0]))
	description := said(page.below(pictures[0], "desc")[0])
	require.Contains(t, description, "4 failed")
	require.Contains(t, description, "3.41 s for writes")
	texttest.Contains(t, said(pictures[0]), "seconds since the load began")
	texttest.Contains(t, said(pictures[0]), "Requests per second")
}

func TestASilenceIsShownWhereNothingWasAnswered(t *testing.T) {
	p := draw(crashRun(), "x")
	require.Equal(t, "Writes", p.Delays[0].Name)
	require.Len(t, p.Delays[0].Silence, 1)
	require.InDelta(t, float64(p.x(resumed)-p.x(killed)), float64(p.Delays[0].Silence[0].Width), float64(p.x(2*bucket)-p.Left))
	require.Empty(t, p.Delays[1].Silence, "reads went on")
	require.NotEmpty(t, p.Rates.Marks, "four requests of many are marked")
}

func TestAFloodOfAnswersDoesNotFlattenTheRest(t *testing.T) {
	p := draw(crashRun(), "x")
	require.Equal(t, "3,790", p.Rates.Peak.Text)
	require.False(t, p.Rates.Peak.Before)

	run := crashRun()
	run.Timeline.Rows[len(run.Timeline.Rows)-1].Good = 900
	run.Timeline.Events = nil
	p = draw(run, "x")
	require.True(t, p.Rates.Peak.Before, "at the right end the words stand left of the bar")
	require.Less(t, p.Rates.Peak.X, p.Right)

	run.Timeline.Rows = run.Timeline.Rows[:50]
	require.Nil(t, draw(run, "x").Rates.Peak, "an even load is shown whole")
}

func TestNothingIsDrawnOutsideOfThePicture(t *testing.T) {
	edge := crashRun()
	edge.Timeline = &Timeline{Bucket: bucket, Rows: []Row{{Good: 1, WriteP50: 1, WriteMax: time.Duration(math.MaxInt64)}},
		Events: []history.Event{{At: -time.Second, What: history.Fault}, {At: 0, What: "odd"}}}
	for _, run := range append(all(), edge) {
		var out bytes.Buffer
		require.NoError(t, Page(&out, []Run{run}))
		texttest.NotContains(t, out.String(), "NaN")
		texttest.NotContains(t, out.String(), "Inf")
		if p := draw(run, "x"); p != nil {
			for _, m := range p.Marks {
				require.GreaterOrEqual(t, m.X, p.Left)
				require.LessOrEqual(t, m.X, p.Right)
			}
		}
	}
}

func TestHostileTextsStayText(t *testing.T) {
	const hostile = `</title></style><script>alert("x")</script><img src=x onerror='y'>{{.}}`
	run := Run{Fault: hostile, Title: hostile, Variant: hostile, Redis: hostile, Commit: hostile, Kept: hostile, Reasons: []string{hostile},
		Verdict:  check.Verdict{Violations: []check.Violation{{Rule: hostile, Text: hostile}}},
		Figures:  check.Figures{Errors: map[string]int{hostile: 1}},
		Timeline: NewTimeline(crash())}
	run.Timeline.Events = []history.Event{{What: history.Fault, Text: hostile}, {What: hostile, Text: hostile}, {What: history.Primary, Text: hostile}}
	page := parsed(t, []Run{run, {NotApplicable: hostile}})
	require.Empty(t, page.tags("script"))
	require.Empty(t, page.tags("img"))
	require.GreaterOrEqual(t, strings.Count(said(page.root), hostile), 10)
}

func TestAPageOfNoRunsSaysSo(t *testing.T) {
	page := parsed(t, nil)
	texttest.Contains(t, said(page.root), "No run was made.")
	require.Empty(t, page.tags("table"))
}

func TestARunWithoutATimelineHasItsFiguresAndNoPicture(t *testing.T) {
	run := rollingRun()
	for _, run.Timeline = range []*Timeline{nil, {}, NewTimeline(&history.History{})} {
		page := parsed(t, []Run{run})
		require.Empty(t, page.tags("svg"))
		shown := said(page.root)
		texttest.Contains(t, shown, "There is no timeline of this run.")
		texttest.Contains(t, shown, "writes waited 3.41 s, and 2 s are promised")
		texttest.Contains(t, shown, ".data/drill/rolling-everything-1.json.gz")
	}
}

func TestOfManyBrokenPromisesAFewAreListedAndTheOthersCounted(t *testing.T) {
	shown := said(parsed(t, []Run{controlRun()}).root)
	texttest.Contains(t, shown, "230 broken promises")
	texttest.Contains(t, shown, "and 210 more")
	require.Equal(t, shownViolations, strings.Count(shown, "an acknowledged purchase is not there"))
}

func TestOnlyPromisedFaultsHaveSums(t *testing.T) {
	names := func(runs ...Run) []string {
		page := parsed(t, runs)
		var all []string
		for _, term := range page.tags("dt") {
			if attribute(term.Parent.Parent, "class") == "tiles" {
				all = append(all, said(term))
			}
		}
		return all
	}
	require.Equal(t, []string{"runs", "failed", "controls red"}, names(controlRun(), unpromisedRun()))
	require.Contains(t, names(crashRun()), "writes acknowledged")
}

func TestRunsAreGroupedByWhatIsExpectedOfThem(t *testing.T) {
	page := parsed(t, all())
	var titles []string
	for _, row := range page.tags("tr") {
		if attribute(row, "class") == "group" {
			titles = append(titles, strings.TrimSpace(said(row)))
		}
	}
	require.Equal(t, []string{"Promised", "Not promised, and counted", "Controls: they have to go red"}, titles)
	require.False(t, slices.ContainsFunc(parsed(t, []Run{crashRun()}).tags("tr"), func(n *node) bool {
		return strings.Contains(said(n), "Controls")
	}), "a group without runs is left out")
}
