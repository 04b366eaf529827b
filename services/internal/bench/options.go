package bench

import (
	"errors"
	"flag"
	"io"
	"time"
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
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.Rounds < 1 || o.Turns < 1 || o.Callers < 1 || o.Last <= 0 || o.Warm < 0 {
		return o, errors.New("rounds, turns, callers and last have to be positive, and there are no other arguments")
	}
	return o, nil
}
