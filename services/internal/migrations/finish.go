package migrations

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"evergreen/services/internal/redisdb"
)

// Progress is how far a shop is on the way to the newest layout.
type Progress struct {
	// Layout is the one in force.
	Layout int
	// Records are those of all migrations, in their order.
	Records []Record
}

// Read tells how far the shop is.
func Read(ctx context.Context, db Database, all []Migration) (Progress, error) {
	layout, err := inForce(ctx, db)
	if err != nil {
		return Progress{}, err
	}
	texts, err := records(redisdb.FromPrimary(ctx), db, all)
	if err != nil {
		return Progress{}, err
	}
	p := Progress{Layout: layout}
	for _, text := range texts {
		record, err := parseRecord(text)
		if err != nil {
			return Progress{}, err
		}
		p.Records = append(p.Records, record)
	}
	return p, nil
}

// inForce reads the number of the layout in force.
func inForce(ctx context.Context, db Database) (int, error) {
	text, err := db.Value(redisdb.FromPrimary(ctx), redisdb.KeySchema())
	if err != nil {
		return 0, err
	}
	layout, err := strconv.Atoi(text)
	if err != nil && text != "" {
		return 0, fmt.Errorf("a restore is under way (%s is %q): %w", redisdb.KeySchema(), text, redisdb.ErrRestoring)
	}
	if err != nil {
		return 0, fmt.Errorf("the number of the layout is %q", text)
	}
	return layout, nil
}

// Finish repeats every copy from the beginning, contracts each migration, and puts a layout in force. It leaves out the
// migrations of the layout that is in force already. The caller has locked older programs out. Finish takes the lease from the
// replica that has it. It may be cut off anywhere and called again.
func Finish(ctx context.Context, db Database, all []Migration, layout int, by string, say func(format string, a ...any)) error {
	now, err := inForce(ctx, db)
	if err != nil {
		return err
	}
	r := NewRunner(db, all, by, nil, slog.New(slog.DiscardHandler))
	r.pause = pauseBetween / 5
	if _, err := takeLease(ctx, db, r.holder, leaseFor, true); err != nil {
		return fmt.Errorf("taking the lease: %w", err)
	}
	defer r.giveBack(ctx)
	left := Left(all, now)
	for _, m := range left {
		if err := r.repeat(ctx, m, say); err != nil {
			return fmt.Errorf("copy of migration %d: %w", m.Number, err)
		}
	}
	for _, m := range left {
		if err := r.contract(ctx, m); err != nil {
			return fmt.Errorf("contract of migration %d: %w", m.Number, err)
		}
		say("migration %d (%s) is contracted", m.Number, m.Name)
	}
	return r.putInForce(ctx, layout, left)
}

// repeat copies from the beginning, whatever was copied before: an older program may
// have written old forms since.
func (r *Runner) repeat(ctx context.Context, m Migration, say func(format string, a ...any)) error {
	_, text, err := r.read(ctx, m)
	if err != nil {
		return err
	}
	anew := Record{State: Copying}
	stored, _, err := r.commit(ctx, m, markScript, text, anew, Batch{})
	if err != nil {
		return err
	}
	if err := r.copy(ctx, m, anew, stored); err != nil {
		return err
	}
	record, _, err := r.read(ctx, m)
	say("migration %d (%s) is copied once more: %d objects, %d of them changed", m.Number, m.Name, record.Seen, record.Changed)
	return err
}

// contract ends a migration.
func (r *Runner) contract(ctx context.Context, m Migration) error {
	record, text, err := r.read(ctx, m)
	if err != nil {
		return err
	}
	script := m.Contract
	if script == nil {
		script = markScript
	}
	record.State = Contracted
	for {
		_, code, err := r.commit(ctx, m, script, text, record, Batch{Shared: m.Old})
		if err != nil || code != codeChanged {
			return err
		}
	}
}

// putInForce also deletes what was written into old forms since the contract.
func (r *Runner) putInForce(ctx context.Context, layout int, done []Migration) error {
	keys := []string{redisdb.KeyMigrationLease(), redisdb.KeySchema()}
	for _, m := range done {
		keys = append(keys, m.Old...)
	}
	result, err := r.db.Commit(ctx, command(layoutScript, actor, keys, r.holder, leaseFor.Milliseconds(), layout, redisdb.NewHistory()))
	switch {
	case err != nil:
		return fmt.Errorf("putting layout %d in force: %w", layout, err)
	case result.Code == codeLeaseLost:
		return errLeaseLost
	case result.Code != codeDone:
		return fmt.Errorf("layout %s is in force, which is newer than %d", result.Values[0], layout)
	}
	return nil
}
