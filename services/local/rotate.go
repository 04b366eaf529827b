package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"evergreen/services/internal/stack"
	"evergreen/services/ops/rotate"
)

// rotate is `make rotate`: it replaces a secret in the shop of `make up`.
func (l *local) rotate(ctx context.Context) error {
	if err := l.checkNet(); err != nil {
		return err
	}
	settings, err := stack.LoadSettings(l.root, os.Getenv)
	if err != nil {
		return err
	}
	shop, err := stack.FindRunning(stack.Options{Net: l.net, Dir: l.dir(), Settings: settings})
	if err != nil {
		return err
	}
	if err := l.noOtherShop(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go l.cancelOnSignal(ctx, cancel)
	again := func() (map[string]string, error) { return stack.LoadSettings(l.root, os.Getenv) }
	return rotate.Run(ctx, rotate.Options{Shop: shop, Root: l.root, Secret: l.secret, Settings: again, Out: l.out})
}

// noOtherShop refuses while another shop runs with the same .env: it would be told nothing of the new secret.
func (l *local) noOtherShop() error {
	dirs, err := filepath.Glob(filepath.Join(l.root, ".data", "127.*.*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		net := filepath.Base(dir)
		if net == l.net {
			continue
		}
		if _, err := stack.FindRunning(stack.Options{Net: net, Dir: dir}); err == nil {
			return fmt.Errorf("the shop on %s runs with the same .env; stop it first", net)
		} else if !errors.Is(err, stack.ErrNotRunning) {
			var held *stack.HeldError
			if !errors.As(err, &held) {
				return err
			}
		}
	}
	return nil
}
