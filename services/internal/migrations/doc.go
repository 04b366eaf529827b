// Package migrations changes the form of stored data while the shop sells. A change
// has three steps. Expand: the scripts of this version write the new form beside the
// old one. Copy: one API replica at a time brings the objects that are there into the
// new form, batch by batch. Contract: `make finish-upgrade` locks older programs out,
// repeats every copy, ends each migration and puts the new layout in force.
//
// A copy may be cut off anywhere and is taken up again where it was, by any replica.
// After it a rollback still works: the old form is kept until the contract step.
package migrations

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"evergreen/services/internal/redisdb"
)

// Migration is one numbered change. Its Plan and its Copy are safe to run again.
type Migration struct {
	// Number orders the migrations and names the record of each; it never changes.
	Number int
	// Layout is the layout that the migration belongs to. Where it is in force, the
	// migration is contracted, or never had anything to do.
	Layout int
	// Name says what the migration does, for logs and people.
	Name string
	// Plan reads the next objects after a cursor ("" at the beginning) and says what
	// Copy has to write. It reads as strongly as a purchase does.
	Plan func(ctx context.Context, db Database, cursor string) (Batch, error)
	// Copy is the script that writes a batch; NewCopy makes it.
	Copy *redisdb.Script
	// Contract is the script that ends the migration after the last copy, such as by
	// deleting the old form; nil where nothing is to be done. NewCopy makes it, too.
	Contract *redisdb.Script
	// Old are keys of the old form. Contract has them from keys[3] on, empties them and
	// answers 3 until nothing is left. They are deleted when the layout comes into force.
	Old []string
}

// Batch is what one run of a copy script works on.
type Batch struct {
	// Shared are keys from keys[3] on that every batch needs. Keys are the objects to be
	// changed, after them. Args are the script's own, from args[6] on.
	Shared []string
	Keys   []string
	Args   []any
	// Cursor is where the next batch begins; "" says that this was the last one.
	Cursor string
	// Seen is how many objects the batch has looked at.
	Seen int64
}

// Database is what migrations need of redisdb.
type Database interface {
	Commit(ctx context.Context, cmd redisdb.Command) (redisdb.Result, error)
	Hash(ctx context.Context, key string, fields ...string) (redisdb.Fields, error)
	Hashes(ctx context.Context, keys []string, fields ...string) ([]redisdb.Fields, error)
	Newest(ctx context.Context, key, before string, limit int) ([]string, error)
	NewestOf(ctx context.Context, keys []string, before string, limit int) ([][]string, error)
	Scores(ctx context.Context, key string, members []string) ([]string, error)
	Value(ctx context.Context, key string) (string, error)
	// Layout is the number of the layout in force, as far as the replica knows it.
	Layout() int
}

// State is how far a migration is.
type State string

// The states, in their order. A migration without a record has not begun.
const (
	Waiting    State = "waiting"
	Copying    State = "copying"
	Copied     State = "copied"
	Contracted State = "contracted"
)

// Left are the migrations that still have something to do where a layout is in force.
func Left(all []Migration, layout int) (left []Migration) {
	for _, m := range all {
		if m.Layout > layout {
			left = append(left, m)
		}
	}
	return left
}

// states lists them in their order.
func states() []State { return []State{Waiting, Copying, Copied, Contracted} }

// Record is what is kept of a migration, as JSON in the hash evg:migrations.
type Record struct {
	State State `json:"state"`
	// Cursor is where the next batch begins.
	Cursor string `json:"cursor,omitempty"`
	// Seen and Changed count objects since the copy began.
	Seen    int64 `json:"seen"`
	Changed int64 `json:"changed"`
	// By is the API replica or program that wrote the record, At the time by its clock.
	By string `json:"by"`
	At string `json:"at"`
}

// text is the record as it is stored.
func (r Record) text() (string, error) {
	bytes, err := json.Marshal(r)
	return string(bytes), err
}

// stamped is the record with its writer and time.
func (r Record) stamped(by string, at time.Time) Record {
	r.By, r.At = by, at.UTC().Format("2006-01-02T15:04:05.000Z")
	return r
}

// parseRecord reads a stored record; "" is a migration that waits.
func parseRecord(text string) (Record, error) {
	if text == "" {
		return Record{State: Waiting}, nil
	}
	var r Record
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return Record{}, fmt.Errorf("the record of a migration: %w", err)
	}
	return r, nil
}
