package redisdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"evergreen/services/internal/config"
)

// The layouts of the data that this program can work with. It reads the forms of
// all. It writes those of the layout that is in force: the number at KeySchema.
// A fresh shop begins with the newest, unless the setting FIRST_LAYOUT names an older
// one. In a shop that an older program has begun, `make finish-upgrade` puts the
// newest in force, for good.
const (
	// OldestLayout is the one of shops that began before layouts had numbers.
	OldestLayout = 1
	// Layout is the newest one, which only this program knows.
	Layout = config.Layout
)

// CheckSchema writes the first layout's number, and the id of a history, into an empty data set. It refuses a data set
// whose layout this program does not know, and answers ErrRestoring while a restore is under way.
func (db *DB) CheckSchema(ctx context.Context) error {
	primary := db.topology.primary()
	if primary == nil {
		return errNoPrimary
	}
	text, err := primary.Get(ctx, KeySchema()).Result()
	if errors.Is(err, redis.Nil) { // SETNX first would be refused at maxmemory
		if err = primary.SetNX(ctx, KeySchema(), cmp.Or(db.settings.FirstLayout, Layout), 0).Err(); err != nil {
			return err
		}
		text, err = primary.Get(ctx, KeySchema()).Result()
	}
	if err != nil {
		return err
	}
	layout, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		db.restoring.Store(true)
		return ErrRestoring
	}
	if layout < OldestLayout || layout > Layout {
		return fmt.Errorf("the data has layout %d, this program knows %d to %d", layout, OldestLayout, Layout)
	}
	db.restoring.Store(false)
	if err := db.beginHistory(ctx); err != nil {
		return err
	}
	db.learnLayout(layout)
	return nil
}

// Layout is the number of the layout that is in force, as this replica knows it: it
// asks the primary once a second. Until it has an answer that is OldestLayout. It
// never goes back.
func (db *DB) Layout() int { return max(OldestLayout, int(db.layout.Load())) }

// InForce reports whether a layout, or a later one, is in force. Go code asks it
// before it issues a form that older versions cannot read. It may be late by a
// second, or by as long as this replica was without a primary, and never early. A
// rule that has to begin at the very moment of the change is one for a script,
// which asks layout() of the prelude.
func (db *DB) InForce(layout int) bool { return db.Layout() >= layout }

// InForceFor reports whether a layout, or a later one, has been in force for so long,
// as this replica knows: it has seen the change, or the layout was in force when it
// began.
func (db *DB) InForceFor(layout int, period time.Duration) bool {
	changed := db.changed.Load()
	return db.InForce(layout) && (changed == nil || time.Since(*changed) >= period)
}

// learnLayout takes over what a primary has said.
func (db *DB) learnLayout(told int64) {
	for {
		known := db.layout.Load()
		if told <= known {
			return
		}
		if now := time.Now(); known > 0 {
			db.changed.Store(&now) // before the layout, so that the change is never seen without its time
		}
		if db.layout.CompareAndSwap(known, told) {
			return
		}
	}
}
