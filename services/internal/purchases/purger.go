package purchases

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/redisdb"
)

// How the purger works: a few purchases in one script, a bounded number of scripts in one round.
const (
	purgeEvery   = 5 * time.Second
	purgeBatch   = 50
	purgeBatches = 20
	// purgePause is between two batches, so that purchases are made meanwhile.
	purgePause = 20 * time.Millisecond
	// shareGoal is the part of a share, in percent, down to which old purchases are purged early.
	shareGoal = 90
)

// leastAge is the least age at which a purchase may be purged: every remembered outcome that names it has ended.
const leastAge = 48 * time.Hour

// actorPurger stands in the events of purges.
const actorPurger = "purger"

// Purger deletes cancelled and expired purchases a set time after their last change, and those above 48 hours
// earlier when unpaid purchases have used up their share. One runs on every API replica: a purchase that another one
// has purged is left out.
type Purger struct {
	store *Store
	db    aged
	after time.Duration
	log   *slog.Logger
	rounds
}

// aged is what the purger needs of redisdb besides what the store needs.
type aged interface {
	DueBefore(ctx context.Context, key string, age time.Duration, limit int64) ([]string, error)
	InForce(layout int) bool
}

// NewPurger makes a Purger over store; after is how long a purchase is kept.
func NewPurger(store *Store, db aged, after time.Duration, log *slog.Logger) *Purger {
	return &Purger{store: store, db: db, after: after, log: log}
}

// Start begins to purge. A customer who was refused for want of room wakes it.
func (p *Purger) Start() {
	p.start(purgeEvery, p.store.full, p.round, func(err error) {
		p.log.Warn("old purchases were not purged; the next round tries again", "error", err)
	})
}

// round purges what is due, and then, while a share is nearly used up, what is above 48 hours.
func (p *Purger) round(ctx context.Context) error {
	if !p.db.InForce(countedFrom) {
		return nil
	}
	batches := 0
	for more := true; more && batches < purgeBatches; batches++ {
		var err error
		if more, err = p.batch(ctx, p.after); err != nil {
			return err
		}
	}
	for batches < purgeBatches {
		over, err := p.store.overGoal(ctx)
		if err != nil || !over {
			return err
		}
		more, err := p.batch(ctx, leastAge)
		if err != nil || !more {
			return err
		}
		batches++
	}
	return nil
}

// batch purges the oldest purchases of that age; more says that there may be others.
func (p *Purger) batch(ctx context.Context, age time.Duration) (more bool, err error) {
	ids, err := p.db.DueBefore(ctx, redisdb.KeyEndedPurchases(), age, purgeBatch)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	purged, err := p.store.purge(ctx, age, ids)
	if err != nil {
		return false, err
	}
	p.log.Info("old purchases were purged", "purged", purged, "looked_at", len(ids))
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-time.After(purgePause):
	}
	return len(ids) == purgeBatch, nil
}

// purge deletes those purchases that have not changed for that time.
func (s *Store) purge(ctx context.Context, age time.Duration, ids []string) (purged int64, err error) {
	keys := []string{redisdb.KeyAllPurchases(), redisdb.KeyEndedPurchases(), redisdb.KeyUnpaid()}
	args := []any{
		age.Milliseconds(), redisdb.KeyPurchase(""), redisdb.KeyUserPurchases("%s"), redisdb.KeyUser(""),
		redisdb.KeyHeld(""), redisdb.KeyStrikes(""),
	}
	for _, id := range ids {
		args = append(args, id)
	}
	r, err := s.db.Commit(ctx, purgeScript.Command(idempotency.Request{}, actorPurger, keys, args...))
	if err != nil {
		return 0, err
	}
	s.metrics.purgedPurchases(r.Int(0))
	return r.Int(0), nil
}

// overGoal reports whether unpaid purchases of either kind of customers have nearly used up their share.
func (s *Store) overGoal(ctx context.Context) (bool, error) {
	share := s.share()
	fields, err := s.db.Hash(redisdb.FromPrimary(ctx), redisdb.KeyUnpaid(), customersNew, customersKnown)
	if err != nil || share == 0 {
		return false, err
	}
	over := false
	for _, kind := range []string{customersNew, customersKnown} {
		used, _ := strconv.ParseInt(fields[kind], 10, 64)
		s.metrics.unpaid(kind, used, share)
		over = over || used*100 > share*shareGoal
	}
	return over, nil
}

// wakePurger asks for a round at once; one that is asked for already will do.
func (s *Store) wakePurger() {
	select {
	case s.full <- struct{}{}:
	default:
	}
}
