// Command drill tries to prove the shop wrong: it injects faults under load and
// holds what the clients saw against the promises. See docs/reliability.md.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program; it answers the exit status: 0 when every run was as it has
// to be, 2 for a call that cannot be understood.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	options, err := drill.Parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "drill:", err)
		return 2
	}
	options.Getenv, options.Out, options.Notes = os.Getenv, stdout, stderr
	if file, isFile := stderr.(*os.File); isFile {
		options.Terminal = term.IsTerminal(int(file.Fd()))
	}
	err = drill.Run(ctx, options)
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
