package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"evergreen/services/internal/stack"
)

// defaultNet is the prefix of a stack that nobody gave another one. It alone
// also listens on localAddress.
const (
	defaultNet   = "127.20.0"
	localAddress = "127.0.0.1:8080"
)

// local is one call of this command.
type local struct {
	root, net string
	yes, dry  bool
	asked     logsOptions
	upgrade   upgradeOptions
	secret    string
	stdin     io.Reader
	out, errs io.Writer
	signals   chan os.Signal
}

// dir is where the stack of this prefix keeps everything.
func (l *local) dir() string { return filepath.Join(l.root, ".data", l.net) }

// checkNet refuses what could not be the first three octets of an address, and
// would otherwise become a path.
func (l *local) checkNet() error {
	if regexp.MustCompile(`^127\.\d{1,3}\.\d{1,3}$`).MatchString(l.net) {
		return nil
	}
	return fmt.Errorf("NET=%s: native processes need three octets of the loopback network, such as %s", l.net, defaultNet)
}

// env is `make env`. What the containers would stumble over is said, and is no error:
// `make up` needs none of it.
func (l *local) env(ctx context.Context) error {
	if err := l.makeEnv(); err != nil {
		return err
	}
	if warning := l.netWarning(ctx); warning != "" {
		fmt.Fprintln(l.out, warning)
	}
	return nil
}

func (l *local) makeEnv() error {
	made, err := stack.MakeEnv(l.root)
	if err != nil {
		return fmt.Errorf("making .env: %w", err)
	}
	if made {
		fmt.Fprintln(l.out, "made .env from .env.example, with random secrets")
		return nil
	}
	added, err := stack.CompleteEnv(l.root)
	switch {
	case err != nil:
		return fmt.Errorf("completing .env: %w", err)
	case len(added) > 0:
		fmt.Fprintln(l.out, "added to .env, which lacked them:", strings.Join(added, ", "))
	default:
		fmt.Fprintln(l.out, ".env is there and stays as it is")
	}
	return nil
}

// clean is `make clean`: it removes all data of the prefix, after asking.
func (l *local) clean(context.Context) error {
	if err := l.checkNet(); err != nil {
		return err
	}
	if _, err := os.Stat(l.dir()); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(l.out, "there is nothing to remove")
		return nil
	}
	if !l.yes && !l.confirm() {
		return errors.New("nothing was removed")
	}
	// Under the lock, so that no stack is using it and none begins to.
	if err := stack.WhileFree(l.net, l.dir(), func() error { return os.RemoveAll(l.dir()) }); err != nil {
		return err
	}
	fmt.Fprintln(l.out, "removed", l.dir())
	return nil
}

func (l *local) confirm() bool {
	fmt.Fprintf(l.out, "This removes all data of the shop on %s (%s). Go on? [y/N] ", l.net, l.dir())
	var answer string
	_, _ = fmt.Fscanln(l.stdin, &answer)
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes")
}
