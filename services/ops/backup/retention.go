package backup

import (
	"context"
	"time"

	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/failpoint"
)

// incompleteAge is how old a chain without a complete full backup must be before it is deleted: another service may still
// write to it.
const incompleteAge = 24 * time.Hour

// Obsolete lists which chains need not be kept. The newest Keep complete ones are kept; of those before them the last
// verified one of each day (UTC) for KeepDays days; and in any case the newest verified one, and each that grew within the
// time young: a service still ships into it.
func Obsolete(chains []archive.Chain, keep, keepDays int, young time.Duration, now time.Time) []archive.Chain {
	var obsolete []archive.Chain
	complete, verified := 0, false
	days := map[string]bool{}
	for i := len(chains) - 1; i >= 0; i-- {
		chain := chains[i]
		made, err := archive.ChainTime(chain.ID)
		if err != nil {
			continue
		}
		if chain.Full == nil {
			if now.Sub(made) > incompleteAge && chain.Damage == nil {
				obsolete = append(obsolete, chain)
			}
			continue
		}
		complete++
		day := made.Format(time.DateOnly)
		first := chain.Verified != nil && !verified
		daily := chain.Verified != nil && !days[day] && now.Sub(made) <= time.Duration(keepDays)*24*time.Hour
		if complete > keep && !first && !daily && now.Sub(grown(chain)) > young {
			obsolete = append(obsolete, chain)
			continue
		}
		if chain.Verified != nil {
			verified, days[day] = true, true
		}
	}
	return obsolete
}

// grown is when a chain last got a file, by the target's clock or the primary's.
func grown(chain archive.Chain) time.Time {
	if heartbeat := time.UnixMilli(chain.Last.HeartbeatMillis); heartbeat.After(chain.Modified) {
		return heartbeat
	}
	return chain.Modified
}

// retain deletes from a target what need not be kept. A failure is logged: the next full backup comes here again.
func (s *Service) retain(ctx context.Context, ship *shipper, current string) {
	store, err := ship.target()
	if err == nil {
		var chains []archive.Chain
		if chains, err = archive.List(ctx, store); err == nil {
			for _, chain := range Obsolete(chains, s.settings.Keep, s.settings.KeepDays, 2*s.settings.Every, time.Now()) {
				if chain.ID == current {
					continue
				}
				failpoint.Pass("ship-retention")
				if err = archive.Delete(ctx, store, chain); err != nil {
					break
				}
				s.log.Info("an old backup is deleted", "chain", chain.ID, "target", ship.address)
			}
		}
	}
	if err != nil && ctx.Err() == nil {
		s.metrics.targetFailures.WithLabelValues(ship.address).Inc()
		s.log.Error("old backups could not be deleted", "target", ship.address, "error", err)
	}
}
