package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"evergreen/services/internal/config"
	"evergreen/services/internal/migrations"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/stack"
)

// Finishing is a shop whose upgrade is to be finished.
type Finishing struct {
	// Access asks the nodes and Sentinels who may come in.
	Access stack.Access
	// Look says what the shop lacks.
	Look func(context.Context) stack.Report
	// Older names the processes that run an older program. LockOut locks these out. Both
	// are nil where the caller has done so itself: in containers the engine is asked by
	// scripts/finish-upgrade.
	Older   func(context.Context) []string
	LockOut func(context.Context, func(format string, a ...any)) error
	// Dry only says what would be done.
	Dry bool
}

// Finish ends an upgrade for good: it locks older programs out, repeats the copies of
// all migrations, contracts them and puts the newest layout in force. It refuses while
// an older program runs, or the shop is not whole. It may be interrupted at any point
// and called again.
func Finish(ctx context.Context, out io.Writer, f Finishing) error {
	began := time.Now()
	say := func(format string, a ...any) {
		fmt.Fprintf(out, "%6.2f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, a...))
	}
	if err := f.fit(ctx); err != nil {
		return fmt.Errorf("Refused, and nothing was changed: %w", err) //nolint:staticcheck // a sentence for people
	}
	say("the shop is whole, and no older program runs")
	db := f.open()
	db.Start()
	defer func() { _ = db.Stop() }()
	progress, err := f.progress(ctx, db)
	if err != nil {
		return fmt.Errorf("Reading how far the upgrade is: %w", err) //nolint:staticcheck // a sentence for people
	}
	say("layout %d is in force; this program's is %d", progress.Layout, config.Layout)
	if f.Dry {
		return f.tell(say, progress)
	}
	if err := f.lockOut(ctx, say); err != nil {
		return err
	}
	if progress.Layout >= config.Layout {
		say("done: nothing else was left to do")
		return nil
	}
	if err := migrations.Finish(ctx, db, migrations.All(), config.Layout, "finish-upgrade", say); err != nil {
		return fmt.Errorf("The upgrade is not finished; run this again: %w", err) //nolint:staticcheck // a sentence for people
	}
	say("done: layout %d is in force, and there is no way back to a program of layout %d", config.Layout, config.Layout-1)
	return nil
}

// fit says why the upgrade cannot be finished now.
func (f Finishing) fit(ctx context.Context) error {
	if f.Older != nil {
		if older := f.Older(ctx); len(older) > 0 {
			return errors.New("an older program runs: " + strings.Join(older, "; "))
		}
	}
	if lacks := f.Look(ctx).Lacks(); len(lacks) > 0 {
		return errors.New("the shop is not whole: " + strings.Join(lacks, "; "))
	}
	return f.Access.Admits(ctx, config.Layout)
}

// lockOut locks older programs out, and holds that they are.
func (f Finishing) lockOut(ctx context.Context, say func(format string, a ...any)) error {
	if f.LockOut != nil {
		if err := f.LockOut(ctx, say); err != nil {
			return fmt.Errorf("The upgrade is not finished; run this again: %w", err) //nolint:staticcheck // a sentence for people
		}
	}
	if err := f.Access.LockedOut(ctx, config.Layout); err != nil {
		return fmt.Errorf("Older programs are not locked out, so nothing else is done: %w", err) //nolint:staticcheck // for people
	}
	say("no node and no Sentinel knows the user of an older layout or has a connection of it")
	return nil
}

// tell says what would be done.
func (f Finishing) tell(say func(format string, a ...any), progress migrations.Progress) error {
	say("would lock programs of a layout before %d out of the Redis nodes and Sentinels", config.Layout)
	if progress.Layout >= config.Layout {
		return nil
	}
	for i, m := range migrations.All() {
		if m.Layout > progress.Layout {
			say("would copy once more and contract migration %d (%s), which is %s now", m.Number, m.Name, progress.Records[i].State)
		}
	}
	say("would put layout %d in force; nothing was changed", config.Layout)
	return nil
}

// progress asks until a primary is known.
func (f Finishing) progress(ctx context.Context, db *redisdb.DB) (p migrations.Progress, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if p, err = migrations.Read(ctx, db, migrations.All()); err == nil {
			return p, nil
		}
		select {
		case <-ctx.Done():
			return p, err
		case <-tick.C:
		}
	}
}

// open gives the shop's data to the operator.
func (f Finishing) open() *redisdb.DB {
	user, password := f.Access.Settings["REDIS_ADMIN_USER"], f.Access.Settings["REDIS_ADMIN_PASSWORD"]
	return redisdb.New(redisdb.Settings{
		MasterName: f.Access.Settings["REDIS_MASTER_NAME"], Sentinels: stack.SentinelsOf(f.Access.Net),
		User: user, Password: password, SentinelUser: user, SentinelPassword: password,
		Deadline: 10 * time.Second, Replica: "finish-upgrade", Unlisted: true,
	}, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
}

// StatusWithLayout is Status, and says whether an upgrade is still to be finished.
func StatusWithLayout(ctx context.Context, out io.Writer, access stack.Access, report stack.Report) error {
	err := Status(out, report)
	if report.Primary == "" {
		return err
	}
	text, refusal := access.Ask(ctx, report.Primary, "GET", redisdb.KeySchema())
	if layout, wrong := strconv.Atoi(text); refusal == nil && wrong == nil && layout < config.Layout {
		fmt.Fprintf(out, "Its data has layout %d, and this version knows %d: the version before can still be put back, until `make finish-upgrade`.\n",
			layout, config.Layout)
	}
	return err
}
