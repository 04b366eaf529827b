package bench

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"
)

// The parts of what is measured.
const (
	commitsAlone  = "commits"
	overheadAlone = "overhead"
)

// Options say what is measured, and how long.
type Options struct {
	// Rounds is how often all is measured, on an empty data set each time; the medians
	// count.
	Rounds int
	// Turns is how often each way has its turn in a round.
	Turns int
	// Warm is the beginning of each turn that does not count, Last the rest.
	Warm, Last time.Duration
	// Callers is how many purchases are under way at once.
	Callers int
	// Clients is how many send requests at once, to measure what metrics cost.
	Clients int
	// Requests is how long each round of theirs lasts.
	Requests time.Duration
	// Only is "" for all that is measured, or one part of it.
	Only string
	// Out takes the table, Notes what is going on.
	Out, Notes io.Writer
}

// Parse reads the command line.
func Parse(args []string, notes io.Writer) (Options, error) {
	var o Options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(notes)
	flags.IntVar(&o.Rounds, "rounds", 7, "how often all is measured, on an empty data set each time")
	flags.IntVar(&o.Turns, "turns", 8, "how often each way has its turn in a round")
	flags.DurationVar(&o.Warm, "warm", 50*time.Millisecond, "the beginning of each turn that does not count")
	flags.DurationVar(&o.Last, "last", 250*time.Millisecond, "how long each turn lasts after that")
	flags.IntVar(&o.Callers, "callers", 200, "purchases under way at once")
	flags.IntVar(&o.Clients, "clients", 32, "clients that send requests at once, to measure what metrics cost")
	flags.DurationVar(&o.Requests, "requests", 10*time.Second, "how long each round of theirs lasts")
	flags.StringVar(&o.Only, "only", "", commitsAlone+" or "+overheadAlone+": that part alone")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.Rounds < 1 || o.Turns < 1 || o.Callers < 1 || o.Clients < 1 || o.Requests <= 0 || o.Last <= 0 || o.Warm < 0 {
		return o, errors.New("rounds, turns, callers, clients, last and requests have to be positive, and there are no other arguments")
	}
	if !slices.Contains([]string{"", commitsAlone, overheadAlone}, o.Only) {
		return o, fmt.Errorf("-only is %s or %s", commitsAlone, overheadAlone)
	}
	return o, nil
}
