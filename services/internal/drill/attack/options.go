package attack

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

const usage = `usage: drill [flags] attack | attack-controls | attack-short | attack-list

  attack           makes each class of attack on a private shop, and holds what other customers saw against the bounds
  attack-controls  makes the same attacks on a shop without the defence: each has to go red
  attack-short     some classes and controls, for a few seconds each
  attack-list      names the classes

`

// Options are what the program was told.
type Options struct {
	Command string
	// Classes are names; none: all.
	Classes []string
	// Results is the directory with the results.
	Results string
	// Out gets the report, Notes what goes on meanwhile.
	Out, Notes io.Writer
}

// IsCommand says that the program's arguments name one of this package's commands.
func IsCommand(args []string) bool {
	return len(args) > 0 && slices.Contains(commands(), args[len(args)-1])
}

func commands() []string { return []string{"attack", "attack-controls", "attack-short", "attack-list"} }

// Parse reads the program's arguments.
func Parse(args []string, stderr io.Writer) (Options, error) {
	var o Options
	var names string
	flags := flag.NewFlagSet("drill", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage); flags.PrintDefaults() }
	flags.StringVar(&names, "class", "", "the classes to do, separated by commas; all if empty")
	flags.StringVar(&o.Results, "results", "attack-results", "the directory for results and kept logs")
	if err := flags.Parse(args); err != nil {
		return Options{}, err
	}
	if o.Command = flags.Arg(0); flags.NArg() != 1 || !slices.Contains(commands(), o.Command) {
		flags.Usage()
		return Options{}, errors.New("name one of " + strings.Join(commands(), ", "))
	}
	if names != "" {
		o.Classes = strings.Split(names, ",")
	}
	for _, name := range o.Classes {
		if _, found := Find(name); !found {
			return Options{}, fmt.Errorf("there is no class %q (make attack-list)", name)
		}
	}
	return o, nil
}
