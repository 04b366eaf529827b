package migrations

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"evergreen/services/internal/redisdb"
)

// How fast a copy goes: a batch, then a pause. With 32 objects a batch that is at most
// 320 objects a second; 500,000 take about half an hour.
const (
	pauseBetween = 100 * time.Millisecond
	// lookEvery is how often a replica looks whether a copy is to be done.
	lookEvery = 5 * time.Second
	// tellEvery is how often the log says how far a copy is.
	tellEvery = 10 * time.Second
	// actor stands in nothing but the scripts' own arguments: migrations emit no events.
	actor = "migrations"
)

// errLeaseLost says that another replica, or finish-upgrade, has the lease now.
var errLeaseLost = errors.New("the lease is another's")

// All lists the migrations of this version, by number.
func All() []Migration { return []Migration{productUpdated(), purchaseLists(), customerPaid()} }

// Runner copies in the background of one API replica. One of all replicas works at a
// time: the one that has the lease.
type Runner struct {
	db      Database
	all     []Migration
	holder  string
	log     *slog.Logger
	metrics *Metrics
	pause   time.Duration
	look    time.Duration

	stop context.CancelFunc
	done sync.WaitGroup
}

// NewRunner makes a Runner for the replica of that name.
func NewRunner(db Database, all []Migration, name string, metrics *Metrics, log *slog.Logger) *Runner {
	return &Runner{
		db: db, all: all, holder: name + "/" + rand.Text(), log: log, metrics: metrics, pause: pauseBetween, look: lookEvery,
	}
}

// Start begins to look for copies to be done.
func (r *Runner) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.done.Go(func() { r.run(ctx) })
}

// Stop ends the copying after the batch under way, and gives the lease back. It may be
// called more than once.
func (r *Runner) Stop() {
	if r.stop != nil {
		r.stop()
		r.done.Wait()
		r.stop = nil
	}
}

func (r *Runner) run(ctx context.Context) {
	last := ""
	for {
		err := r.round(ctx)
		text := fmt.Sprint(err)
		if err != nil && ctx.Err() == nil && !errors.Is(err, errLeaseLost) && text != last {
			r.log.Warn("migrations: the copy was cut off; it goes on in a moment", "error", err)
		}
		if last = text; !wait(ctx, r.look) {
			return
		}
	}
}

// round copies what is to be copied, if no other replica does.
func (r *Runner) round(ctx context.Context) error {
	texts, err := records(ctx, r.db, r.all)
	if err != nil {
		return err
	}
	pending := false
	for i, m := range r.all {
		record, err := parseRecord(texts[i])
		if err != nil {
			return err
		}
		if m.Layout <= r.db.Layout() {
			record.State = Contracted
		}
		r.metrics.at(m, record.State)
		pending = pending || record.State == Waiting || record.State == Copying
	}
	if !pending {
		return nil
	}
	ours, err := takeLease(ctx, r.db, r.holder, leaseFor, false)
	if err != nil || !ours {
		return err
	}
	defer r.giveBack(ctx)
	for _, m := range Left(r.all, r.db.Layout()) {
		if err := r.copyPending(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// giveBack lets another replica go on at once. What fails here ends by itself with the
// lease.
func (r *Runner) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = takeLease(ctx, r.db, r.holder, 0, false)
}

// read gives a migration's record from the primary, and its text.
func (r *Runner) read(ctx context.Context, m Migration) (Record, string, error) {
	texts, err := records(redisdb.FromPrimary(ctx), r.db, []Migration{m})
	if err != nil {
		return Record{}, "", err
	}
	record, err := parseRecord(texts[0])
	return record, texts[0], err
}

func (r *Runner) copyPending(ctx context.Context, m Migration) error {
	record, text, err := r.read(ctx, m)
	if err != nil || record.State == Copied || record.State == Contracted {
		return err
	}
	record.State = Copying
	return r.copy(ctx, m, record, text)
}

// copy goes on from a record to the end. text is the record as it is stored now.
func (r *Runner) copy(ctx context.Context, m Migration, record Record, text string) error {
	r.log.Info("migrations: the copy begins", "migration", m.Number, "name", m.Name, "seen", record.Seen)
	told := time.Now()
	for {
		next, stored, err := r.batch(ctx, m, record, text)
		if err != nil {
			return err
		}
		record, text = next, stored
		r.metrics.at(m, record.State)
		if record.State == Copied {
			r.log.Info("migrations: the copy is complete", "migration", m.Number, "name", m.Name,
				"seen", record.Seen, "changed", record.Changed)
			return nil
		}
		if time.Since(told) > tellEvery {
			told = time.Now()
			r.log.Info("migrations: the copy goes on", "migration", m.Number, "seen", record.Seen, "changed", record.Changed)
		}
		if !wait(ctx, r.pause) {
			return ctx.Err()
		}
	}
}

// batch does one batch, again and again while objects of it change meanwhile. It answers
// the record that is stored then.
func (r *Runner) batch(ctx context.Context, m Migration, record Record, text string) (Record, string, error) {
	for ctx.Err() == nil {
		batch, err := m.Plan(ctx, r.db, record.Cursor)
		if err != nil {
			return Record{}, "", err
		}
		next := record
		next.Cursor, next.Seen = batch.Cursor, record.Seen+batch.Seen
		next.Changed += int64(len(batch.Keys))
		if next.State = Copying; batch.Cursor == "" {
			next.State = Copied
		}
		stored, code, err := r.commit(ctx, m, m.Copy, text, next, batch)
		if err == nil && code == codeChanged {
			continue
		}
		if err == nil {
			r.metrics.worked(m, batch)
		}
		return next, stored, err
	}
	return Record{}, "", ctx.Err()
}

// commit runs one script of a migration under the lease. It answers the new record as
// it is stored.
func (r *Runner) commit(
	ctx context.Context, m Migration, script *redisdb.Script, text string, next Record, batch Batch,
) (string, int, error) {
	stored, err := next.stamped(r.holder, time.Now()).text()
	if err != nil {
		return "", 0, err
	}
	keys := slices.Concat([]string{redisdb.KeyMigrationLease(), redisdb.KeyMigrations()}, batch.Shared, batch.Keys)
	args := append([]any{r.holder, leaseFor.Milliseconds(), m.Number, text, stored}, batch.Args...)
	result, err := r.db.Commit(ctx, command(script, actor, keys, args...))
	switch {
	case err != nil:
		return "", 0, err
	case result.Code == codeLeaseLost, result.Code == codeOtherRecord:
		return "", result.Code, fmt.Errorf("migration %d: %w", m.Number, errLeaseLost)
	}
	return stored, result.Code, nil
}

// wait answers false when ctx has ended first.
func wait(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}
