package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"evergreen/services/internal/stack"
)

// handover is `make handover`: it makes another Redis node primary while the
// shop goes on. Ctrl-C lets held writes go.
func (l *local) handover(ctx context.Context) error {
	if err := l.checkNet(); err != nil {
		return err
	}
	settings, err := stack.LoadSettings(l.root, os.Getenv)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go l.cancelOnSignal(ctx, cancel)
	began := time.Now()
	return stack.Handover(ctx, l.net, settings, func(format string, a ...any) {
		fmt.Fprintf(l.out, "%5.2f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, a...))
	})
}
