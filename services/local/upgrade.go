package main

import (
	"context"
	"fmt"
	"os"

	"evergreen/services/internal/release"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/upgrade"
)

// upgradeOptions are the flags of `local rolling-upgrade`.
type upgradeOptions struct {
	to          string
	back, force bool
}

// rollingUpgrade is `make rolling-upgrade` for the shop of `make up`. Ctrl-C stops it at the step where it is.
func (l *local) rollingUpgrade(ctx context.Context) error {
	if err := l.checkNet(); err != nil {
		return err
	}
	if err := l.makeEnv(); err != nil { // this version may need secrets that the one before did not know
		return err
	}
	settings, err := stack.LoadSettings(l.root, os.Getenv)
	if err != nil {
		return err
	}
	o := stack.Options{Net: l.net, Dir: l.dir(), Settings: settings}
	if l.net == defaultNet {
		o.AlsoListen = localAddress
	}
	shop, err := stack.FindRunning(o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go l.cancelOnSignal(ctx, cancel)
	err = upgrade.Run(ctx, upgrade.Options{
		Shop: shop, Out: l.out, Back: l.upgrade.back, Force: l.upgrade.force,
		Program: func(ctx context.Context) (string, error) { return l.newProgram(ctx, shop) },
	})
	if err == nil {
		fmt.Fprintln(l.out, "The supervisor and the exporters are those of the last `make up`; they change at the next one.")
	}
	return err
}

// newProgram is the API of the version that was asked for, or of the files that are here.
func (l *local) newProgram(ctx context.Context, shop *stack.Running) (string, error) {
	if l.upgrade.to != "" {
		return release.Build(ctx, l.root, l.upgrade.to, "api")
	}
	built := shop.Program() + ".new"
	return built, shop.Build(ctx, built)
}
