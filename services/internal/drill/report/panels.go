package report

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// rates is the panel of requests per second, stacked by outcome.
type rates struct {
	Top, Bottom           px
	Good, Refused, Failed string // paths
	Marks                 string // a path of ticks under the bars with a failure
	Per                   time.Duration
	Ticks                 []tick
	Peak                  *peak // nil: no bar is cut off
}

// peak is what the highest of the bars that are cut off would reach.
type peak struct {
	X      px
	Text   string
	Before bool // it stands left of the bar
	height int
}

// higher is the greater of two peaks, of which the first may be nil.
func (k *peak) higher(b bar, from, to px) *peak {
	if k != nil && k.height >= b.total() {
		return k
	}
	per := float64(b.total()) / (b.To - b.From).Seconds()
	k = &peak{X: to + 4, Text: number(int(per)), height: b.total()}
	if k.Before = to > plotRight-100; k.Before {
		k.X = from - 4
	}
	return k
}

// bar is some buckets together.
type bar struct {
	From, To              time.Duration
	Good, Refused, Failed int
}

func (b bar) total() int { return b.Good + b.Refused + b.Failed }

// bars joins buckets to as many bars as can be told apart.
func bars(t *Timeline) []bar {
	join := 1
	for _, join = range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		if len(t.Rows) <= join*mostBars {
			break
		}
	}
	var all []bar
	for rows := range slices.Chunk(t.Rows, join) {
		b := bar{From: rows[0].At, To: rows[0].At + t.Bucket*time.Duration(join)}
		for _, r := range rows {
			b.Good, b.Refused, b.Failed = b.Good+r.Good, b.Refused+r.Refused, b.Failed+r.Failed
		}
		all = append(all, b)
	}
	return all
}

// drawRates draws the panel from y down.
func (p *picture) drawRates(t *Timeline, y px) rates {
	all := bars(t)
	r := rates{Top: y, Bottom: y + ratePanel, Per: all[0].To - all[0].From}
	perSecond := func(n int) float64 { return float64(n) / r.Per.Seconds() }
	scale := axis{High: perSecond(ceiling(all)), Start: r.Bottom, End: r.Top}
	var good, refused, failed, marks strings.Builder
	for _, b := range all {
		from, to := p.x(b.From), p.x(b.To)
		levels := []px{r.Bottom, scale.place(perSecond(b.Good)), scale.place(perSecond(b.Good + b.Refused)), scale.place(perSecond(b.total()))}
		for i, path := range []*strings.Builder{&good, &refused, &failed} {
			rectangle(path, from, to, levels[i], levels[i+1])
		}
		if b.Failed > 0 {
			rectangle(&marks, from, max(to, from+2), r.Bottom+failedLane-1, r.Bottom+2)
		}
		if perSecond(b.total()) > scale.High {
			r.Peak = r.Peak.higher(b, from, to)
		}
	}
	r.Good, r.Refused, r.Failed, r.Marks = good.String(), refused.String(), failed.String(), marks.String()
	r.Ticks = scale.ticks(5)
	return r
}

// ceiling is how much of a bar the panel shows: all of it, unless it is more than
// three times as high as nearly all others. What was held during a failover is
// answered in one moment, and would make the rest of the picture a flat line.
func ceiling(all []bar) int {
	var totals []int
	for _, b := range all {
		totals = append(totals, b.total())
	}
	slices.Sort(totals)
	greatest, usual := totals[len(totals)-1], totals[len(totals)*9/10]
	if usual > 0 && greatest > 3*usual {
		return 2 * usual
	}
	return max(greatest, 1)
}

// rectangle adds one to a path, if it has a height.
func rectangle(path *strings.Builder, left, right, bottom, top px) {
	if bottom > top {
		_, _ = fmt.Fprintf(path, "M%v %vV%vH%vV%vZ", left, bottom, top, right, bottom)
	}
}

// delays is the panel of the latencies of writes, or of reads.
type delays struct {
	Name, Class string
	Top, Bottom px
	Median      string // a path
	Spread      string // a path around all from the median to the slowest
	Silence     []span // where nothing was answered well
	Ticks       []tick
	of          func(Row) (median, slowest time.Duration)
}

// span is a piece of the axis of time.
type span struct{ Left, Width px }

// silent is how many empty buckets make a silence worth marking: at 200 requests
// a second even one is rare, at a few a second it means nothing.
const silent = 5

// drawDelays draws a panel from y down. The lines break where nothing was
// answered.
func (p *picture) drawDelays(t *Timeline, d delays, scale axis, y px) delays {
	d.Top, d.Bottom = y, y+delayPanel
	scale.Start, scale.End = d.Bottom, d.Top
	d.Ticks = scale.decades()
	var median, spread strings.Builder
	answered := func(r Row) bool { _, slowest := d.of(r); return slowest > 0 }
	for rows := range stretches(t.Rows, answered) {
		switch {
		case answered(rows[0]):
			p.outline(&median, &spread, t.Bucket, rows, d.of, scale)
		case len(rows) >= silent:
			left := p.x(rows[0].At)
			d.Silence = append(d.Silence, span{left, p.x(rows[len(rows)-1].At+t.Bucket) - left})
		}
	}
	d.Median, d.Spread = median.String(), spread.String()
	return d
}

// outline adds a stretch of answered buckets: its medians from left to right,
// and for the spread the slowest from right to left, too.
func (p *picture) outline(median, spread *strings.Builder, bucket time.Duration, rows []Row,
	of func(Row) (time.Duration, time.Duration), scale axis) {
	var there, back strings.Builder
	letter := "M"
	for i, r := range rows {
		middle, _ := of(r)
		_, _ = fmt.Fprintf(&there, "%s%v %vH%v", letter, p.x(r.At), scale.place(float64(middle)), p.x(r.At+bucket))
		letter = "L"
		last := rows[len(rows)-1-i]
		_, slowest := of(last)
		_, _ = fmt.Fprintf(&back, "L%v %vH%v", p.x(last.At+bucket), scale.place(float64(slowest)), p.x(last.At))
	}
	median.WriteString(there.String())
	spread.WriteString(there.String() + back.String() + "Z")
}

// stretches cuts rows where the answer to the question changes.
func stretches(rows []Row, question func(Row) bool) iter.Seq[[]Row] {
	return func(yield func([]Row) bool) {
		for begin := 0; begin < len(rows); {
			end := begin + 1
			for end < len(rows) && question(rows[end]) == question(rows[begin]) {
				end++
			}
			if !yield(rows[begin:end]) {
				return
			}
			begin = end
		}
	}
}
