package budget

import (
	"errors"
	"flag"
	"io"
)

// Options say what is measured, how often, and where the figures go.
type Options struct {
	// Of is the commit whose order is measured; empty: the files as they are now.
	Of string
	// Sittings is how often both shops are started anew, Rounds how often both sell in turn in each sitting.
	Sittings, Rounds int
	// Rate is the purchases per second of the open loop, Clients how many clients buy at once in the closed loop.
	Rate, Clients int
	// Record is the name of the issue under which the figures are written down; empty: they are judged.
	Record string
	// CountsOnly leaves processor time out.
	CountsOnly bool
	// Out takes the table, Notes what is going on.
	Out, Notes io.Writer
}

// Parse reads the command line.
func Parse(args []string, notes io.Writer) (Options, error) {
	var o Options
	flags := flag.NewFlagSet("budget", flag.ContinueOnError)
	flags.SetOutput(notes)
	flags.StringVar(&o.Of, "of", "", "measure this commit instead of the files as they are")
	flags.IntVar(&o.Sittings, "sittings", 4, "how often both shops are started anew")
	flags.IntVar(&o.Rounds, "rounds", 20, "how often both sell in turn in each sitting")
	flags.IntVar(&o.Rate, "rate", 200, "purchases a second of the open loop")
	flags.IntVar(&o.Clients, "clients", 32, "clients that buy at once in the closed loop")
	flags.StringVar(&o.Record, "record", "", "write the figures down as those of this issue")
	flags.BoolVar(&o.CountsOnly, "counts", false, "measure commands and bytes only")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.Sittings < 1 || o.Rounds < 1 || o.Rate < 1 || o.Clients < 1 {
		return o, errors.New("sittings, rounds, rate and clients are positive, and there are no other arguments")
	}
	if o.Record != "" && o.CountsOnly {
		return o, errors.New("-record writes all figures down, and -counts measures only some")
	}
	return o, nil
}
