package main

import (
	"context"
	"errors"
	"fmt"

	"evergreen/services/internal/mailbox"
)

// mailAddress is where the shop's own catcher of mails listens.
func mailAddress(net string) string { return net + ".20:1025" }

// catchMail is what the service "mail" runs: it keeps every mail that comes as a file
// in dir, until a signal comes.
func (l *local) catchMail(ctx context.Context, dir string) error {
	if err := l.checkNet(); err != nil {
		return err
	}
	if dir == "" {
		return errors.New("mail needs a directory to keep the mails in")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go l.cancelOnSignal(ctx, cancel)
	fmt.Fprintf(l.out, "keeping what comes to %s in %s\n", mailAddress(l.net), dir)
	return mailbox.Run(ctx, mailAddress(l.net), dir)
}
