package bench

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// bar is the least ratio of one way's rate to another's.
type bar struct {
	of, to string
	least  float64
	says   string
}

// ratio is the median of the rounds' ratios: what a slow moment of the machine
// does to one round it does to both.
func (r *results) ratio(b bar) float64 {
	ratios := make([]float64, len(r.rates[b.of]))
	for i, rate := range r.rates[b.of] {
		ratios[i] = rate / r.rates[b.to][i]
	}
	return median(ratios)
}

// median is the middle one, or the mean of the two in the middle.
func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// print writes the table; it answers whether every bar was met.
func (r *results) print(out io.Writer, bars []bar) (met bool) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "way\tmedian/s\tleast\tmost\t")
	for _, way := range r.order {
		rates := r.rates[way]
		fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%.0f\t\n", way, median(rates), slices.Min(rates), slices.Max(rates))
	}
	if len(bars) > 0 {
		fmt.Fprintln(table)
		fmt.Fprintln(table, "ratio\tmedian\tbar\t\t")
	}
	met = true
	for _, b := range bars {
		ratio, verdict := r.ratio(b), "met"
		if ratio < b.least {
			met, verdict = false, "MISSED"
		}
		fmt.Fprintf(table, "%s to %s (%s)\t%.3f\t%.2f\t%s\t\n", b.of, b.to, b.says, ratio, b.least, verdict)
	}
	return table.Flush() == nil && met
}
