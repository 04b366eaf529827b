package main

import (
	"context"
	"os"

	"evergreen/services/internal/operate"
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
	return operate.Handover(ctx, l.out, l.net, settings)
}
