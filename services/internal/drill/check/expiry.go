package check

import (
	"time"

	"evergreen/services/internal/drill/history"
)

// expiresWithin is how long after the end of a reservation the purchase may still be pending: 2 s, and as long as a
// failover may take.
const expiresWithin = 7 * time.Second

// newExpiry is the end of a reservation as an operation: it may happen at any time after that end.
func newExpiry(reservation history.Reservation) *operation {
	return &operation{
		Op:  history.Op{Kind: history.Expire, Purchase: reservation.Purchase, Start: reservation.Ends},
		end: never, fate: unknown, effect: may,
	}
}

// expired holds a purchase against the end of its reservation.
func (r *record) expired(p *purchase) {
	for _, op := range p.operations {
		if op.Kind != history.Expire || p.audited.State != pending {
			continue
		}
		op.effect = didNot
		if quiet, there := r.h.First(history.Quiet); there && quiet-op.Start > expiresWithin {
			r.report(RuleExpiry, nil, "the reservation of purchase %s ended at %s, and at %s the purchase is still pending",
				p.id, at(op.Start), at(quiet))
		}
	}
}
