// Command local runs the shop on this machine as native processes: `make up`,
// `make status`, `make handover`, `make logs`, `make env` and `make clean` are its
// subcommands. One more, mail, is a service of the shop: it keeps the mails that
// alerts are sent by.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"evergreen/services/internal/stack"
)

const usage = `usage: local [-net 127.20.0] [-yes] [-dry] up | status | handover | finish-upgrade | running | env | clean | mail ADDRESS DIR
       local [-net 127.20.0] [-to COMMIT | -back] [-force] rolling-upgrade
       local [-net 127.20.0] -secret NAME rotate
       local [-net 127.20.0] backup COMMAND [ARGUMENT...]
       local [-net 127.20.0] [-request ID] [-service NAMES] [-level LEVEL] logs
`

func main() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	l := local{stdin: stdin, out: stdout, errs: stderr, signals: make(chan os.Signal, 2)}
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	flags.StringVar(&l.net, "net", defaultNet, "the first three octets of all addresses")
	flags.BoolVar(&l.yes, "yes", false, "clean without asking")
	flags.BoolVar(&l.dry, "dry", false, "finish-upgrade only says what it would do")
	flags.StringVar(&l.upgrade.to, "to", "", "the commit, tag or branch whose API to upgrade to (default: the files that are here)")
	flags.BoolVar(&l.upgrade.back, "back", false, "go back to the API before the last upgrade")
	flags.BoolVar(&l.upgrade.force, "force", false, "renew what has not changed, too")
	flags.StringVar(&l.secret, "secret", "", "the name in .env of the secret that rotate replaces")
	l.asked.flags(flags)
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.Arg(0) == "mail" && flags.NArg() == 3 {
		return l.result(l.inForeground(ctx, func(ctx context.Context) error { return l.catchMail(ctx, flags.Arg(1), flags.Arg(2)) }))
	}
	if flags.Arg(0) == "backup" && flags.NArg() > 1 {
		return l.result(l.backup(flags.Args()[1:]))
	}
	command, known := map[string]func(context.Context) error{
		"up": l.up, "status": l.status, "handover": l.handover, "finish-upgrade": l.finishUpgrade, "running": l.running,
		"rolling-upgrade": l.rollingUpgrade, "rotate": l.rotate, "logs": l.logs, "env": l.env, "clean": l.clean,
	}[flags.Arg(0)]
	if !known || flags.NArg() != 1 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	return l.result(l.inForeground(ctx, func(ctx context.Context) (err error) {
		if l.root, err = stack.Root(); err != nil {
			return err
		}
		return command(ctx)
	}))
}

// inForeground runs a command that hears of signals.
func (l *local) inForeground(ctx context.Context, command func(context.Context) error) error {
	signal.Notify(l.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(l.signals)
	return command(ctx)
}

// result is the exit code.
func (l *local) result(err error) int {
	if err != nil {
		fmt.Fprintln(l.errs, err)
		return 1
	}
	return 0
}
