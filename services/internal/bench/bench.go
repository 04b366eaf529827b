// Package bench measures ways to do one thing side by side: in one run, in turn,
// on the same servers, because two figures of two runs on a machine that also does
// other things say little about each other. What counts is the ratio.
package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"evergreen/services/internal/stack"
)

// The ways to commit writes.
const (
	grouped = "group commit, as it ships"
	bare    = "group commit without WAIT"
	alone   = "one WAIT per write"
)

// bars are what has to hold.
func bars() []bar {
	return []bar{
		{of: grouped, to: bare, least: 0.9, says: "what WAIT costs a group"},
		{of: grouped, to: alone, least: 1.5, says: "what groups gain"},
	}
}

// errMissed is the end of a run in which a bar was missed.
var errMissed = errors.New("a bar was missed")

// Run measures ways to commit and what metrics cost, and prints the tables. A
// missed bar is an error.
func Run(ctx context.Context, o Options) error {
	parts := map[string]func(context.Context, Options) (bool, error){commitsAlone: compareCommits, overheadAlone: overhead}
	all := true
	for _, part := range []string{commitsAlone, overheadAlone} {
		if o.Only != "" && o.Only != part {
			continue
		}
		met, err := parts[part](ctx, o)
		if err != nil {
			return err
		}
		all = all && met
	}
	if !all {
		return errMissed
	}
	return nil
}

// compareCommits starts Redis and the Sentinels, measures the ways to commit, and
// prints the table; it answers whether every bar was met.
func compareCommits(ctx context.Context, o Options) (met bool, err error) {
	fmt.Fprintln(o.Notes, "starting three Redis nodes and three Sentinels")
	servers, err := stack.Start(ctx, stack.Options{Services: stack.RedisAndSentinels()})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, servers.Stop(context.WithoutCancel(ctx))) }()
	found, err := measure(ctx, o, servers)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(o.Out, "purchases of one piece by %d callers at once; %d rounds of %d turns of %s for each way\n\n", o.Callers, o.Rounds, o.Turns, o.Last)
	return found.print(o.Out, bars()), nil
}

// measure lets the ways take turns, round after round. The turns are short, so
// that whatever else the machine does hits all ways alike.
func measure(ctx context.Context, o Options, servers *stack.Stack) (*results, error) {
	ways, err := open(servers)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, w := range ways {
			w.close()
		}
	}()
	found := &results{rates: map[string][]float64{}}
	for round := range o.Rounds {
		m, err := furnish(ctx, servers, ways[0])
		if err != nil {
			return nil, err
		}
		sums := make([]tally, len(ways))
		for turn := range o.Turns * len(ways) {
			// Each series of turns begins with another way: none always comes after the same.
			i := (turn + turn/len(ways)) % len(ways)
			one, err := m.sell(ctx, o, ways[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", ways[i].name, err)
			}
			sums[i].add(one)
		}
		for i, sum := range sums {
			found.add(ways[i].name, sum.rate())
			fmt.Fprintf(o.Notes, "round %d of %d: %-27s %8.0f/s\n", round+1, o.Rounds, ways[i].name, sum.rate())
		}
	}
	return found, nil
}

// results are the rates that were measured, by way, a round's at its place.
type results struct {
	order []string
	rates map[string][]float64
}

func (r *results) add(way string, rate float64) {
	if !slices.Contains(r.order, way) {
		r.order = append(r.order, way)
	}
	r.rates[way] = append(r.rates[way], rate)
}
