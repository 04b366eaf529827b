// Package program is the command line of the program backup.
package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/prometheus/common/version"

	"evergreen/services/internal/release"
)

// Environment is what a command is given besides its arguments.
type Environment struct {
	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// command is one of the program's commands. Its error is what the user reads.
type command struct {
	name, about string
	run         func(ctx context.Context, args []string, env Environment) error
}

func commands() []command {
	return []command{
		{"serve", "make, ship and verify backups until the process is asked to stop", serve},
		{"now", "make one full backup and verify it", now},
		{"list", "say which backups the targets have", list},
		{"healthcheck", "fail unless the service of this environment answers", healthcheck},
		{"keygen", "print a new private key and its public key", keygen},
		{"restore", "put a backup in the place of the shop's data: the last state, or that at a moment or a commit", restoring("restore")},
		{"undo", "bring back the data that the last restore has kept aside", restoring("undo")},
		{"show", "print the past state of one object, such as product:ID", restoring("show")},
		{"operator", "in containers: restore, undo, show, or what the operator asks of a shop, such as status", operator},
		{"layout", "print the newest layout of the data that this version knows", layout},
	}
}

// errUsage says that the command line is not understood.
var errUsage = errors.New("usage")

// Run runs a command and gives the exit status: 0, 1 when it failed, 2 when it was not called as it should be.
func Run(ctx context.Context, args []string, env Environment) int {
	version.Version = cmp.Or(version.Version, release.Version)
	all := commands()
	i := -1
	if len(args) > 0 {
		i = slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
	}
	err := errUsage
	if i >= 0 {
		err = all[i].run(ctx, args[1:], env)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		_, _ = fmt.Fprint(env.Stderr, usage(all))
		return 2
	case errors.Is(err, errUsageSaid):
		return 2
	case errors.Is(err, errSaid):
		return 1
	}
	_, _ = fmt.Fprintln(env.Stderr, "backup:", err)
	return 1
}

func usage(all []command) string {
	var text strings.Builder
	text.WriteString("usage: backup COMMAND\n")
	for _, c := range all {
		fmt.Fprintf(&text, "  %-11s %s\n", c.name, c.about)
	}
	return text.String()
}
