// Command bench measures what a safeguard costs and what a design gains, side by
// side in one run: see docs/bench.md.
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

	"evergreen/services/internal/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program; it answers the exit status: 1 when a bar was missed, 2 for a
// call that cannot be understood.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	options, err := bench.Parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	options.Out, options.Notes = stdout, stderr
	if err := bench.Run(ctx, options); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}
