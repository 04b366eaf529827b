// Command replay sells a real shop's invoices, a CSV file, through the API of a
// running shop: see docs/replay.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/joho/godotenv"

	"evergreen/services/internal/replay"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program; it answers the exit status: 0 when everything adds up.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := godotenv.Load()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	var options replay.Options
	if err == nil {
		options, err = replay.Parse(args, os.Getenv, stdout, stderr)
	}
	if err == nil {
		err = replay.Run(ctx, options)
	}
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "replay: stopped; run it again and it goes on where it was")
	default:
		fmt.Fprintln(stderr, "replay:", err)
	}
	return 1
}
