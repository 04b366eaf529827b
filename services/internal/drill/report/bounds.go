package report

import (
	"strconv"
	"strings"
	"time"
)

// Bounds are what clients may notice of a fault; 0 of a time is no bound. The
// fields are those of the drill's Promise, which can be converted to it.
type Bounds struct {
	WriteGap, ReadGap, Resumed time.Duration
	WriteGapP95                time.Duration
	AfterHeal                  time.Duration
	Slowest                    time.Duration
	Errors, ReadErrors         float64 // shares, 0 to 1
	UnderWay                   bool
	Cut                        float64
}

// String is such as "writes pause 4 s at most, reads 1 s, 0.1 % errors". Resumed is
// left out, for the write gap bounds it, and so is Slowest, which is the same for
// all.
func (b Bounds) String() string {
	var parts []string
	if pauses := b.pauses(); pauses != "" {
		parts = append(parts, pauses)
	}
	if b.WriteGapP95 > 0 {
		parts = append(parts, "writes "+seconds(b.WriteGapP95)+" in 95 % of runs")
	}
	if b.AfterHeal > 0 {
		parts = append(parts, "writes go on "+seconds(b.AfterHeal)+" after the heal")
	}
	return strings.Join(append(parts, b.errors()), ", ")
}

func (b Bounds) pauses() string {
	switch {
	case b.WriteGap == 0 && b.ReadGap == 0:
		return ""
	case b.WriteGap == b.ReadGap:
		return "writes and reads pause " + seconds(b.WriteGap) + " at most"
	case b.WriteGap == 0:
		return "reads pause " + seconds(b.ReadGap) + " at most"
	case b.ReadGap == 0:
		return "writes pause " + seconds(b.WriteGap) + " at most"
	}
	return "writes pause " + seconds(b.WriteGap) + " at most, reads " + seconds(b.ReadGap)
}

// errors are the shares that may fail.
func (b Bounds) errors() string {
	text := part(b.Errors) + " errors"
	if b.ReadErrors < b.Errors {
		text += " (reads: " + strings.Replace(part(b.ReadErrors), "no", "none", 1) + ")"
	}
	if b.UnderWay {
		text += " but of what was under way"
	}
	if b.Cut > 0 {
		text += ", " + part(b.Cut) + " cut off"
	}
	return text
}

func part(share float64) string {
	switch {
	case share <= 0:
		return "no"
	case share >= 1:
		return "any"
	}
	return strconv.FormatFloat(100*share, 'f', -1, 64) + " %"
}
