package bench

import (
	"errors"
	"flag"
	"io"
	"time"
)

// Options say what is measured, and how long.
type Options struct {
	// Rounds is how often every way is measured; the medians count.
	Rounds int
	// Warm is the beginning of each measurement that does not count, Last the rest.
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
	flags.IntVar(&o.Rounds, "rounds", 7, "how often every way is measured")
	flags.DurationVar(&o.Warm, "warm", 500*time.Millisecond, "the beginning of each measurement that does not count")
	flags.DurationVar(&o.Last, "last", 2*time.Second, "how long each measurement lasts after that")
	flags.IntVar(&o.Callers, "callers", 200, "purchases under way at once")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.Rounds < 1 || o.Callers < 1 || o.Last <= 0 || o.Warm < 0 {
		return o, errors.New("rounds, callers and last have to be positive, and there are no other arguments")
	}
	return o, nil
}
