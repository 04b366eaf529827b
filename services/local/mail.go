package main

import (
	"context"
	"fmt"

	"evergreen/services/internal/mailbox"
)

// catchMail is what the service "mail" runs: it keeps every mail that comes to an
// address, host:port, as a file in dir, until a signal comes.
func (l *local) catchMail(ctx context.Context, address, dir string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go l.cancelOnSignal(ctx, cancel)
	fmt.Fprintf(l.out, "keeping what comes to %s in %s\n", address, dir)
	return mailbox.Run(ctx, address, dir)
}
