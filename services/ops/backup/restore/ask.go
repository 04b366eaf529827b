package restore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/backup/aof"
)

// ask says what will happen, and asks for it.
func (r Restorer) ask(ctx context.Context, n *nodes, l *lock, p *prepared, lostFile string) error {
	var plan strings.Builder
	fmt.Fprintf(&plan, "This replaces all data of the shop by %s.\n\n", p.what)
	fmt.Fprintf(&plan, "  the restored data end at   %s\n", momentOf(p.report.HeartbeatMillis))
	fmt.Fprintf(&plan, "  commit                     %d\n", p.report.CommitSeq)
	fmt.Fprintf(&plan, "  products, purchases, users %d, %d, %d\n", p.report.Products, p.report.Purchases, p.report.Users)
	fmt.Fprintf(&plan, "  newest purchase            %s\n\n", orNone(p.report.NewestPurchase))
	if err := p.report.Err(); err != nil {
		fmt.Fprintf(&plan, "%v\n\n", err)
	}
	if l.step == stepLoading {
		fmt.Fprintf(&plan, "An earlier restore has deleted the shop's data")
		if l.aside != "" {
			fmt.Fprintf(&plan, "; they are kept in %s", filepath.Join(r.Dir, l.aside))
		}
		fmt.Fprintln(&plan, ".")
		return r.Ask(plan.String())
	}
	lost, err := compare(ctx, n.primary, p.server.Node(), io.Discard)
	if err != nil {
		return err
	}
	used, err := dataBytes(ctx, n.primary)
	if err != nil {
		return err
	}
	if err := diskRoom(r.Dir, used); err != nil {
		return err
	}
	commits, err := n.primary.Number(ctx, redisdb.KeyCommitSeq())
	if err != nil {
		return err
	}
	fmt.Fprintf(&plan, "The running shop has commit %d. As it is now, %d of its purchases will be lost, and %d will lose changes;\n", commits,
		lost.Purchases, lost.Changes)
	fmt.Fprintf(&plan, "%s will list them. Its present data will be kept beside that file, so that the\n", lostFile)
	fmt.Fprintf(&plan, "restore can be undone. Until it is done the shop is closed.\n")
	return r.Ask(plan.String())
}

func momentOf(millis int64) string {
	if millis == 0 {
		return "an unknown moment"
	}
	return aof.Moment(millis)
}

func orNone(id string) string {
	if id == "" {
		return "none"
	}
	return id
}

// spareDiskBytes stay free.
const spareDiskBytes = 64 << 20

// diskRoom holds that data of so many bytes can be kept aside.
func diskRoom(dir string, bytes int64) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return err
	}
	if free := int64(disk.Bavail) * disk.Bsize; free < bytes+spareDiskBytes {
		return fmt.Errorf("%w: keeping the present data aside takes up to %d MiB, and %s has %d MiB free",
			ErrNoRoom, (bytes+spareDiskBytes)>>20, dir, free>>20)
	}
	return nil
}

// Terminal asks on a terminal; yes answers for people, and without either nothing is restored.
func Terminal(in io.Reader, out io.Writer, isTerminal, yes bool) func(plan string) error {
	return func(plan string) error {
		fmt.Fprintln(out, plan)
		switch {
		case yes:
			return nil
		case !isTerminal:
			return ErrNotAsked
		}
		fmt.Fprint(out, "Type yes to go on: ")
		answer, err := bufio.NewReader(in).ReadString('\n')
		if strings.TrimSpace(answer) == "yes" {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(ErrRefused, err)
		}
		return ErrRefused
	}
}
