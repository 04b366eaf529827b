package redisdb

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strconv"

	"evergreen/services/internal/idempotency"
)

// The history of the data. A restore puts older data in the place of the present one. From there
// on commit numbers and versions could come a second time, with other content. So the data has an
// id, which the first start of a shop makes and each restore replaces. An API replica works in
// one history, from its start to its end: what it has in memory belongs to that one. Each write
// script compares the id before it does anything, each read after it.
//
// While a restore is under way, the key of the layout holds the mark, which is no number. Then no
// script writes.

// markRestoring is what stands at KeySchema while a restore is under way. Every value that is no
// number counts as it.
const markRestoring = "restoring"

// refusedOtherHistory is how the prelude refuses a write of another history.
const refusedOtherHistory = "other-history"

// historyBytes is the length of an id.
const historyBytes = 8

//go:embed history.lua
var historySource string

var historyScript = NewFreeingScript("history.begin", historySource)

// History is the id of the history that this replica works in, "" until it knows it.
func (db *DB) History() string {
	if known := db.history.Load(); known != nil {
		return *known
	}
	return ""
}

// Restoring reports whether a restore is under way, or has ended the history that this replica
// works in. Nothing can be read or written then.
func (db *DB) Restoring() bool { return db.restoring.Load() || db.hasEnded.Load() }

// Ended is closed when the history that this replica works in has ended: the data is
// another one, and what this process remembers does not belong to it.
func (db *DB) Ended() <-chan struct{} { return db.ended }

// NewHistory makes the id of a history.
func NewHistory() string {
	id := make([]byte, historyBytes)
	_, _ = rand.Read(id) // it never fails
	return hex.EncodeToString(id)
}

// beginHistory learns the history of the data; data without one gets a new one.
func (db *DB) beginHistory(ctx context.Context) error {
	result, err := db.Commit(ctx, historyScript.Command(idempotency.Request{}, "start", nil, NewHistory()))
	if err != nil {
		return err
	}
	if len(result.Values) != 1 || result.Values[0] == "" {
		return fmt.Errorf("the data has no history: %v", result.Values)
	}
	db.history.CompareAndSwap(nil, &result.Values[0])
	if result.Values[0] != db.History() {
		db.endHistory(result.Values[0])
		return ErrRestoring
	}
	return nil
}

// learn takes over what the primary has said of its layout and history, and reports whether the
// shop is open.
func (db *DB) learn(layout, history string) bool {
	number, err := strconv.ParseInt(layout, 10, 64)
	if held := err != nil; db.restoring.Swap(held) != held {
		if held {
			db.log.Warn("a restore is under way; requests are answered 503", "schema", layout)
		} else {
			db.log.Info("no restore is under way any more")
		}
	}
	if known := db.History(); known != "" && history != known {
		db.endHistory(history)
	}
	if db.Restoring() {
		return false
	}
	db.learnLayout(number)
	return true
}

// heard takes over what a write was refused for.
func (db *DB) heard(refused string) {
	switch {
	case refused == markRestoring && !db.settings.Unlisted: // a listed one learns each second whether that is over
		db.restoring.Store(true)
	case refused == refusedOtherHistory:
		db.endHistory("")
	}
}

// endHistory notes that the data is another one.
func (db *DB) endHistory(history string) {
	if db.hasEnded.Swap(true) {
		return
	}
	db.log.Warn("the data was replaced: this replica ends, and its successor begins with the new data",
		"history", db.History(), "now", history)
	close(db.ended)
}

// inHistory reports whether data of that history is this replica's.
func (db *DB) inHistory(history string) bool {
	known := db.History()
	return known == "" || history == known
}
