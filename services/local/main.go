// Command local runs the shop on this machine as native processes: `make up`,
// `make status`, `make handover`, `make env` and `make clean` are its subcommands.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"evergreen/services/internal/stack"
)

const usage = `usage: local [-net 127.20.0] [-yes] up | status | handover | env | clean
`

func main() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	l := local{stdin: stdin, out: stdout, errs: stderr, signals: make(chan os.Signal, 2)}
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	flags.StringVar(&l.net, "net", defaultNet, "the first three octets of all addresses")
	flags.BoolVar(&l.yes, "yes", false, "clean without asking")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	command, known := map[string]func(context.Context) error{
		"up": l.up, "status": l.status, "handover": l.handover, "env": l.env, "clean": l.clean,
	}[flags.Arg(0)]
	if !known || flags.NArg() != 1 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	signal.Notify(l.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(l.signals)
	var err error
	if l.root, err = stack.Root(); err == nil {
		err = command(ctx)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}
