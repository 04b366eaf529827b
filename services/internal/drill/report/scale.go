package report

import (
	"math"
	"strconv"
	"time"
)

// px is a length in the picture, printed with a tenth's precision: finer than a
// screen shows, and a third of the bytes.
type px float64

// String is what stands in the page.
func (p px) String() string { return strconv.FormatFloat(float64(p), 'f', 1, 64) }

// tick is a line across a panel and what it says.
type tick struct {
	At   px
	Text string
}

// axis maps values to places: from Low at Start to High at End, and what lies
// outside to the nearer end.
type axis struct {
	Low, High  float64
	Start, End px
	Log        bool
}

func (a axis) place(value float64) px {
	low, high := a.Low, a.High
	if a.Log {
		low, high, value = math.Log10(low), math.Log10(high), math.Log10(math.Max(value, low))
	}
	part := math.Min(math.Max((value-low)/(high-low), 0), 1)
	return a.Start + px(part)*(a.End-a.Start)
}

// ticks are at the multiples of a round step, most of them at most.
func (a axis) ticks(most int) []tick {
	step := roundStep((a.High - a.Low) / float64(most))
	var ticks []tick
	for v := a.Low; v <= a.High+step/1000; v += step {
		ticks = append(ticks, tick{a.place(v), strconv.FormatFloat(v, 'f', -1, 64)})
	}
	return ticks
}

// decades are the ticks of a logarithmic axis of nanoseconds.
func (a axis) decades() []tick {
	var ticks []tick
	for v := a.Low; v <= a.High*1.001; v *= 10 {
		ticks = append(ticks, tick{a.place(v), decade(time.Duration(v))})
	}
	return ticks
}

func decade(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 0, 64) + " s"
}

// roundStep is the smallest of 1, 2, 5, 10, 20, … that is not less than step.
func roundStep(step float64) float64 {
	power := math.Pow(10, math.Max(math.Floor(math.Log10(step)), 0))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= step {
			return factor * power
		}
	}
	return 10 * power
}
