// Command backup makes backups of a running shop: `backup serve` until SIGTERM or SIGINT, `backup now` one, verified;
// `backup list` says what the targets have, and `backup keygen` makes a pair of keys.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"evergreen/services/ops/backup/program"
)

func main() {
	signal.Ignore(syscall.SIGHUP) // A connection that ends must not end a restore in its middle.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(program.Run(ctx, os.Args[1:], program.Environment{Getenv: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}))
}
