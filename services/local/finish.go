package main

import (
	"context"
	"errors"
	"os"

	"evergreen/services/internal/config"
	"evergreen/services/internal/operate"
	"evergreen/services/internal/stack"
)

// finishUpgrade is the native `make finish-upgrade`: it ends an upgrade for good.
func (l *local) finishUpgrade(ctx context.Context) error {
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
	access := stack.Access{Net: l.net, Dir: l.dir(), Files: l.root, Settings: settings}
	return operate.Finish(ctx, l.out, operate.Finishing{
		Access: access,
		Look:   func(ctx context.Context) stack.Report { return stack.Inspect(ctx, l.net, l.dir(), settings) },
		Older:  func(ctx context.Context) []string { return stack.OlderPrograms(ctx, l.dir(), config.Layout) },
		LockOut: func(ctx context.Context, say func(format string, a ...any)) error {
			return access.LockOut(ctx, config.Layout, say)
		},
		Dry: l.dry,
	})
}

// running fails unless a native shop runs on the prefix: make asks it which shop is meant.
func (l *local) running(context.Context) error {
	if err := l.checkNet(); err != nil {
		return err
	}
	var held *stack.HeldError
	if err := stack.WhileFree(l.net, l.dir(), func() error { return nil }); !errors.As(err, &held) {
		return errors.Join(errors.New("no native shop runs on "+l.net), err)
	}
	return nil
}
