package report

import (
	"fmt"
	"math"
	"time"
)

// The picture's measures. Its width is what a text column of a screen shows
// without scaling; its height depends on how many rows the labels take.
const (
	pictureWidth px = 960
	plotLeft     px = 66
	plotRight    px = 948
	labelRow     px = 17
	heading      px = 30 // above a panel: its name and what its colours mean
	ratePanel    px = 130
	delayPanel   px = 104
	failedLane   px = 8 // beneath the rates, where a mark shows even one failure of many
	bandHeight   px = 22
	axisHeight   px = 42
	mostBars        = 320
	mostTicks       = 12
)

// picture is a run's timeline, laid out: panels above one another on one axis of
// time, lines for what was done to the shop, and who was primary when.
type picture struct {
	ID, Title, Description string
	Width, Height          px
	Left, Right            px
	Top, Bottom            px // of the panels
	Rates                  rates
	Delays                 []delays
	DelayHeight            px
	Marks                  []mark
	Band                   []reign
	BandTop, BandHeight    px
	Seconds                []tick
	AxisTop                px
	time                   axis
}

// draw lays out a run's timeline; nil if there is nothing to draw.
func draw(r Run, id string) *picture {
	if r.Timeline == nil || len(r.Timeline.Rows) == 0 || r.Timeline.Bucket <= 0 {
		return nil
	}
	t := r.Timeline
	p := &picture{
		ID:    id,
		Title: "Timeline of " + r.label(),
		Width: pictureWidth, Left: plotLeft, Right: plotRight,
		DelayHeight: delayPanel,
		time:        axis{High: t.extent().Seconds(), Start: plotLeft, End: plotRight},
	}
	p.Marks = p.place(t.Events)
	p.Top = labelRow*px(rowsOf(p.Marks)) + 8
	y := p.layOutPanels(t, p.Top)
	p.Bottom = y
	p.BandTop, p.BandHeight = y+heading, bandHeight
	p.Band = p.reigns(t)
	p.AxisTop = p.BandTop + bandHeight
	p.Height = p.AxisTop + axisHeight
	p.Seconds = p.time.ticks(mostTicks)
	p.Description = describe(r)
	return p
}

// layOutPanels gives where the last one ends.
func (p *picture) layOutPanels(t *Timeline, y px) px {
	y += heading
	p.Rates = p.drawRates(t, y)
	y += ratePanel + failedLane
	scale := delayScale(t)
	for _, kind := range []delays{
		{Name: "Writes", Class: "writes", of: func(r Row) (time.Duration, time.Duration) { return r.WriteP50, r.WriteMax }},
		{Name: "Reads", Class: "reads", of: func(r Row) (time.Duration, time.Duration) { return r.ReadP50, r.ReadMax }},
	} {
		y += heading
		p.Delays = append(p.Delays, p.drawDelays(t, kind, scale, y))
		y += delayPanel
	}
	return y
}

// x is the place of a moment.
func (p *picture) x(at time.Duration) px { return p.time.place(at.Seconds()) }

// delayScale spans all latencies of the run by whole powers of ten, so that
// writes and reads can be compared.
func delayScale(t *Timeline) axis {
	low, high := time.Duration(math.MaxInt64), time.Duration(0)
	for _, r := range t.Rows {
		for _, d := range []time.Duration{r.WriteP50, r.WriteMax, r.ReadP50, r.ReadMax} {
			if d > 0 {
				low, high = min(low, d), max(high, d)
			}
		}
	}
	if high == 0 {
		low, high = time.Millisecond, time.Second
	}
	a := axis{Log: true, Low: math.Pow(10, math.Floor(math.Log10(float64(low)))), High: math.Pow(10, math.Ceil(math.Log10(float64(high))))}
	if a.High <= a.Low {
		a.High = 10 * a.Low
	}
	return a
}

// describe is the picture in words, for those who do not see it.
func describe(r Run) string {
	var good, refused, failed int
	for _, row := range r.Timeline.Rows {
		good, refused, failed = good+row.Good, refused+row.Refused, failed+row.Failed
	}
	return fmt.Sprintf("%s s of load: %s requests answered well, %s refused, %s failed. The longest time without a good answer "+
		"was %s for writes and %s for reads. The list beneath names what was done and who was primary when.",
		three(r.Timeline.extent().Seconds()), number(good), number(refused), number(failed),
		short(r.Figures.Writes.Gap), short(r.Figures.Reads.Gap))
}
