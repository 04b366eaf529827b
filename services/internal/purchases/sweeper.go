package purchases

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// How the sweeper looks for what has expired: often enough that a reservation
// ends within 2 s, a few purchases at a time.
const (
	sweepEvery  = 500 * time.Millisecond
	sweepBatch  = 200
	sweepAtOnce = 8
)

// actorSweeper stands in the events of expiries.
const actorSweeper = "sweeper"

// Sweeper expires pending purchases whose reservation has passed. One runs on
// every API replica: the script decides, by Redis's clock and the purchase's
// status, so whoever comes second finds nothing left to do.
type Sweeper struct {
	store *Store
	log   *slog.Logger
	rounds
}

// NewSweeper makes a Sweeper over store.
func NewSweeper(store *Store, log *slog.Logger) *Sweeper { return &Sweeper{store: store, log: log} }

// Start begins to sweep.
func (s *Sweeper) Start() {
	s.start(sweepEvery, nil, s.sweep, func(err error) {
		s.log.Warn("expired purchases were not swept; the next round tries again", "error", err)
	})
}

// sweep expires what is due, batch after batch.
func (s *Sweeper) sweep(ctx context.Context) error {
	for {
		ids, err := s.store.db.Due(ctx, redisdb.KeyReservations(), sweepBatch)
		if err != nil || len(ids) == 0 {
			return err
		}
		group, groupContext := errgroup.WithContext(ctx)
		group.SetLimit(sweepAtOnce)
		for _, id := range ids {
			group.Go(func() error { return s.store.expire(groupContext, id) })
		}
		if err := group.Wait(); err != nil || len(ids) < sweepBatch {
			return err
		}
	}
}

// expire needs no remembered outcome: the script looks at the status.
func (s *Store) expire(ctx context.Context, id string) error {
	w := web.Change{Request: idempotency.Request{}, Actor: actorSweeper}
	r, err := s.db.Commit(ctx, s.moveCommand(releaseScript, w, id, "", s.quotas.coolDownMillis(Expired, false), Expired))
	if err == nil {
		s.metrics.moved(ctx, Expired, r)
	}
	return err
}
