// Command budget measures what an order costs and holds it against docs/budget.json: see docs/budget.md.
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

	"evergreen/services/internal/budget"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program; it returns the exit status: 1 when the order costs more than it may, 2 for a call that it does not
// understand.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	options, err := budget.Parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "budget:", err)
		return 2
	}
	options.Out, options.Notes = stdout, stderr
	if err := budget.Run(ctx, options); err != nil {
		fmt.Fprintln(stderr, "budget:", err)
		return 1
	}
	return 0
}
