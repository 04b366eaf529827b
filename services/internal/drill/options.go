package drill

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const usage = `usage: drill [flags] run | controls | short | list | table

  run        does each fault to a private shop under load, and judges what the clients saw
  controls   does the same with one safeguard taken out, until it goes wrong as it has to
  short      three faults and two controls
  list       names the faults and controls
  table      writes the measured figures into docs/reliability.md

`

// usualResults is where results lie unless somebody says otherwise. Those of containers
// lie apart: a table of figures is of one kind of shop.
const usualResults = "drill-results"

// Options are what the program was told.
type Options struct {
	Command string
	// Faults are slugs; none: all.
	Faults []string
	// Times is how often each fault is done; Until, if set, does each as often as its
	// results lack to have that many.
	Times, Until int
	// Results is the directory with the results files, and what else a sitting leaves.
	Results string
	// URL is of a shop that somebody else has started; empty: private ones are.
	URL string
	// Net is the prefix of its addresses, if it runs natively on this machine.
	Net string
	// Compose is set for the shop in containers that docker compose has started here.
	Compose bool
	// Rate is how many writes, and how many reads, clients send a second; 0 is 200.
	Rate int
	// Last is how long the fault "none" lasts.
	Last time.Duration
	// Page is the file that table writes into.
	Page string

	// Getenv gives the settings that stand in no file.
	Getenv func(string) string
	// Out gets tables, Notes what goes on meanwhile; a bar if Terminal is set.
	Out, Notes io.Writer
	Terminal   bool
}

// Parse reads the program's arguments.
func Parse(args []string, stderr io.Writer) (Options, error) {
	var o Options
	var slugs string
	flags := flag.NewFlagSet("drill", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage); flags.PrintDefaults() }
	flags.StringVar(&slugs, "fault", "", "the faults or controls to do, separated by commas; all if empty")
	flags.IntVar(&o.Times, "n", 1, "how often each fault is done")
	flags.IntVar(&o.Until, "until", 0, "do each fault as often as its results lack to have so many")
	flags.StringVar(&o.Results, "results", "", "the directory for results and reports (default "+usualResults+", and its directory containers with -compose)")
	flags.StringVar(&o.URL, "url", "", "a shop that runs already; only faults that need no hold on its processes can be done to it")
	flags.StringVar(&o.Net, "net", "", "the prefix of that shop's addresses, such as 127.20.0, if it runs natively on this machine")
	flags.BoolVar(&o.Compose, "compose", false, "the shop in containers that docker compose has started here, with its .env, COMPOSE_PROJECT_NAME and NET")
	flags.IntVar(&o.Rate, "rate", 0, "how many writes, and how many reads, a second (default 200): fewer where the machine has more to do")
	flags.DurationVar(&o.Last, "last", 0, "how long the fault none lasts: time to break something by hand")
	flags.StringVar(&o.Page, "page", "docs/reliability.md", "the page that table writes into")
	if err := flags.Parse(args); err != nil {
		return Options{}, err
	}
	o.Command = flags.Arg(0)
	commands := []string{"run", "controls", "short", "list", "table"}
	switch {
	case flags.NArg() != 1 || !slices.Contains(commands, o.Command):
		flags.Usage()
		return Options{}, errors.New("name one of " + strings.Join(commands, ", "))
	case o.Times < 1 || o.Until < 0 || o.Rate < 0:
		return Options{}, errors.New("-n is at least 1, and -until and -rate at least 0")
	case o.Compose && o.URL != "":
		return Options{}, errors.New("-compose finds the shop's -url by itself")
	case o.Net != "" && o.URL == "":
		return Options{}, errors.New("-net is for a shop that runs already, at -url")
	}
	if o.Results == "" {
		o.Results = usualResults
		if o.Compose {
			o.Results = filepath.Join(usualResults, "containers")
		}
	}
	if slugs != "" {
		o.Faults = strings.Split(slugs, ",")
	}
	return o, nil
}
