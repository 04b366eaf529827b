package budget

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// times is processor time by the name of its row.
type times map[string]time.Duration

// The two kinds of load.
const (
	openLoop   = "open loop"
	closedLoop = "closed loop"
)

// loops lists them in the order of the table.
func loops() []string { return []string{openLoop, closedLoop} }

// portion is how many purchases each shop sells in a round.
const portion = 500

// found is what was measured, of the baseline and of the present version.
type found struct {
	counts [2]counts
	// micros is processor time per purchase, in microseconds, by loop and row, a round's at its place.
	micros [2]map[string]map[string][]float64
}

// compare lets both shops sell, round after round.
func (f *found) compare(ctx context.Context, o Options, pair [2]*shop) error {
	if err := closed(ctx, o, pair); err != nil { // a beginning that does not count
		return err
	}
	for round := range o.Rounds {
		for loop, sell := range map[string]func(context.Context, Options, [2]*shop) error{openLoop: open, closedLoop: closed} {
			if err := f.round(ctx, o, pair, loop, sell); err != nil {
				return fmt.Errorf("%s: %w", loop, err)
			}
		}
		fmt.Fprintf(o.Notes, "round %d of %d: this to the baseline %.3f (%s), %.3f (%s)\n", round+1, o.Rounds,
			last(f.ratios(openLoop, rowAll)), openLoop, last(f.ratios(closedLoop, rowAll)), closedLoop)
	}
	return nil
}

// round lets both shops sell in one way, and adds what that took.
func (f *found) round(ctx context.Context, o Options, pair [2]*shop, loop string, sell func(context.Context, Options, [2]*shop) error) error {
	before := [2]times{pair[0].used(), pair[1].used()}
	if err := sell(ctx, o, pair); err != nil {
		return err
	}
	for which, s := range pair {
		spent := times{}
		for row, used := range s.used() {
			spent[row] = used - before[which][row]
		}
		f.add(which, loop, spent)
	}
	return nil
}

func (f *found) add(which int, loop string, spent times) {
	if f.micros[which] == nil {
		f.micros[which] = map[string]map[string][]float64{openLoop: {}, closedLoop: {}}
	}
	for row, t := range spent {
		f.micros[which][loop][row] = append(f.micros[which][loop][row], float64(t.Nanoseconds())/1000/portion)
	}
}

// Both shops sell at the same time, one purchase of the one after one of the other, so that whatever else the machine does
// meets both alike. Turns of a second each were tried: see docs/decisions/0080-a-budget-for-the-order.md.

// open sends each shop purchases at a fixed rate, however long each takes.
func open(ctx context.Context, o Options, pair [2]*shop) error {
	group, ctx := errgroup.WithContext(ctx)
	begun := time.Now()
	for i := range len(pair) * portion {
		due := begun.Add(time.Duration(i) * time.Second / time.Duration(len(pair)*o.Rate))
		if err := pass(ctx, time.Until(due)); err != nil {
			break
		}
		group.Go(func() error { return pair[i%len(pair)].buy(ctx) })
	}
	return group.Wait()
}

// closed has clients buy in one shop, then in the other, each again as soon as it is answered. Half of the clients begin
// with the one.
func closed(ctx context.Context, o Options, pair [2]*shop) error {
	group, ctx := errgroup.WithContext(ctx)
	var sold [2]atomic.Int64
	for client := range o.Clients {
		group.Go(func() error {
			for i := client; sold[0].Load() < portion || sold[1].Load() < portion; i++ {
				which := i % len(pair)
				if sold[which].Add(1) > portion {
					continue
				}
				if err := pair[which].buy(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// ratios is the present version's processor time to the baseline's, round by round.
func (f *found) ratios(loop, row string) []float64 {
	base := f.micros[0][loop][row]
	ratios := make([]float64, len(base))
	for i := range base {
		ratios[i] = f.micros[1][loop][row][i] / base[i]
	}
	return ratios
}

func last(of []float64) float64 { return of[len(of)-1] }

// median is the middle one, or the mean of the two in the middle.
func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// spread is half the width of the interval that holds the true median with 95 %: the bounds are measured values themselves,
// chosen by their rank. With fewer than six values it is half of their whole range.
func spread(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	n := len(sorted)
	rank := max(0, int(math.Floor(float64(n)/2-0.98*math.Sqrt(float64(n))))) // the normal form of the binomial's
	return (sorted[n-1-rank] - sorted[rank]) / 2
}
