package main

import (
	"context"
	"os"

	"evergreen/services/internal/operate"
	"evergreen/services/internal/stack"
)

// status is `make status`: it works whoever is down, and fails (exit code 1)
// when the shop cannot sell.
func (l *local) status(ctx context.Context) error {
	if err := l.checkNet(); err != nil {
		return err
	}
	settings, err := stack.LoadSettings(l.root, os.Getenv)
	if err != nil {
		return err
	}
	report := stack.Inspect(ctx, l.net, l.dir(), settings)
	return operate.StatusWithLayout(ctx, l.out, stack.Access{Net: l.net, Settings: settings}, report)
}
