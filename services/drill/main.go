// Command drill tries to prove the shop wrong: it injects faults under load and
// holds what the clients saw against the promises. See docs/reliability.md. Its
// commands attack, attack-controls and attack-short attack the shop as one customer
// can: docs/attacks.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"evergreen/services/internal/drill"
	"evergreen/services/internal/drill/attack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program; it answers the exit status: 0 when every run was as it has
// to be, 2 for a call that cannot be understood.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if attack.IsCommand(args) {
		options, err := attack.Parse(args, stderr)
		options.Out, options.Notes = stdout, stderr
		return status(ctx, err, stderr, func() error { return attack.Run(ctx, options) })
	}
	options, err := drill.Parse(args, stderr)
	options.Getenv, options.Out, options.Notes = os.Getenv, stdout, stderr
	if file, isFile := stderr.(*os.File); isFile {
		options.Terminal = term.IsTerminal(int(file.Fd()))
	}
	return status(ctx, err, stderr, func() error { return drill.Run(ctx, options) })
}

// status does what was asked for, unless the call could not be understood, and gives the exit status.
func status(ctx context.Context, err error, stderr io.Writer, do func() error) int {
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "drill:", err)
		return 2
	}
	err = do()
	switch {
	case err == nil:
		return 0
	case errors.Is(err, drill.ErrFailed): // the report has said it all, and its summary is to be the last line
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "drill: stopped; what was found so far is in the results")
	default:
		fmt.Fprintln(stderr, "drill:", err)
	}
	return 1
}
