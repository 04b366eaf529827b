package operate

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"evergreen/services/internal/stack"
)

const usage = `usage: operator status | handover | await [--within 60s] | finish-upgrade [--dry-run] | restore | undo | show

  status    what every service is; fails if the shop cannot sell
  handover  makes another Redis node primary, without losing or refusing a write
  await     waits until the stack is whole: one primary with two replicas, three
            Sentinels that agree, all API replicas ready, both nginx up
  finish-upgrade  the last part of scripts/finish-upgrade, which asks the engine first:
            repeats the copies of all migrations and puts the newest layout in force
  restore, undo, show  see docs/restore.md

The environment has NET, API_REPLICAS, REDIS_MASTER_NAME, REDIS_ADMIN_USER and
REDIS_ADMIN_PASSWORD.
`

// within is how long await waits unless it is told otherwise.
const within = time.Minute

// usageError says why the arguments or the settings cannot be used.
type usageError string

func (e usageError) Error() string { return string(e) }

// shop is one call of the program.
type shop struct {
	net      string
	replicas int
	settings map[string]string
	within   time.Duration
	dry      bool
	out      io.Writer
}

// Run is the program `operator`: it runs one command on the shop that getenv knows
// and returns the exit code. That is 2 for arguments and settings that cannot be
// used, and 1 for everything else that goes wrong.
func Run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	s := shop{out: stdout}
	command, err := s.parse(args, getenv)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err == nil {
		err = command(ctx)
	}
	var unusable usageError
	switch {
	case errors.As(err, &unusable):
		fmt.Fprintf(stderr, "operator: %v\n\n%s", err, usage)
		return 2
	case err != nil:
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func (s *shop) parse(args []string, getenv func(string) string) (func(context.Context) error, error) {
	if len(args) == 0 {
		return nil, usageError("no command is given")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	commands := map[string]func(context.Context) error{"status": s.status, "handover": s.handover, "await": s.await,
		"finish-upgrade": s.finishUpgrade}
	command, known := commands[args[0]]
	switch {
	case args[0] == "help", args[0] == "-h", args[0] == "-help", args[0] == "--help":
		return nil, flag.ErrHelp
	case !known:
		return nil, usageError(fmt.Sprintf("there is no command %q", args[0]))
	case args[0] == "finish-upgrade":
		flags.BoolVar(&s.dry, "dry-run", false, "")
	case args[0] == "await":
		flags.DurationVar(&s.within, "within", within, "")
	}
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil, err
	} else if err != nil {
		return nil, usageError(args[0] + ": " + err.Error())
	}
	if flags.NArg() > 0 {
		return nil, usageError(fmt.Sprintf("%s takes no %q", args[0], flags.Arg(0)))
	}
	return command, s.read(getenv)
}

// read takes the settings, and says all at once what is wrong with them.
func (s *shop) read(getenv func(string) string) error {
	var wrong []string
	need := func(name string) string {
		value := getenv(name)
		if value == "" {
			wrong = append(wrong, name+" is missing")
		}
		return value
	}
	s.settings = map[string]string{}
	for _, name := range []string{"REDIS_MASTER_NAME", "REDIS_ADMIN_USER", "REDIS_ADMIN_PASSWORD"} {
		s.settings[name] = need(name)
	}
	s.net = need("NET")
	if ip, err := netip.ParseAddr(s.net + ".0"); s.net != "" && (err != nil || !ip.Is4()) {
		wrong = append(wrong, fmt.Sprintf("NET=%s is not the first three octets of an address", s.net))
	}
	var err error
	if count := need("API_REPLICAS"); count != "" {
		if s.replicas, err = strconv.Atoi(count); err != nil || s.replicas < 2 || s.replicas > 16 {
			wrong = append(wrong, fmt.Sprintf("API_REPLICAS=%s is not a number from 2 to 16", count))
		}
	}
	if len(wrong) > 0 {
		return usageError(strings.Join(wrong, "; "))
	}
	return nil
}

func (s *shop) look(ctx context.Context) stack.Report {
	return stack.InspectContainers(ctx, s.net, s.replicas, s.settings)
}

func (s *shop) access() stack.Access { return stack.Access{Net: s.net, Settings: s.settings} }

func (s *shop) status(ctx context.Context) error {
	return StatusWithLayout(ctx, s.out, s.access(), s.look(ctx))
}

func (s *shop) finishUpgrade(ctx context.Context) error {
	return Finish(ctx, s.out, Finishing{Access: s.access(), Look: s.look, Dry: s.dry})
}

func (s *shop) handover(ctx context.Context) error {
	return Handover(ctx, s.out, s.net, s.settings)
}

func (s *shop) await(ctx context.Context) error { return Await(ctx, s.out, s.within, s.look) }
