package backup_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/ops/backup"
	"evergreen/services/ops/backup/archive"
)

func TestRetentionKeepsTheNewestAndOneOfEachDay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)
	chain := func(age time.Duration, complete, verified bool) archive.Chain {
		c := archive.Chain{ID: archive.NewChain(now.Add(-age))}
		if complete {
			c.Full = &archive.Full{}
		}
		if verified {
			c.Verified = &archive.Verified{}
		}
		return c
	}
	const day = 24 * time.Hour
	chains := []archive.Chain{
		chain(20*day, true, true),
		chain(5*day+2*time.Hour, true, true),
		chain(5*day+time.Hour, true, true),
		chain(5*day, true, false),
		chain(3*day, false, false),
		chain(time.Hour, false, false),
		chain(30*time.Minute, true, true),
		chain(20*time.Minute, true, false),
		chain(10*time.Minute, true, true),
	}
	gone := func(keep, days int) string {
		var found []int
		for _, obsolete := range backup.Obsolete(chains, keep, days, 2*time.Hour, now) {
			for i, c := range chains {
				if c.ID == obsolete.ID {
					found = append(found, i)
				}
			}
		}
		return fmt.Sprint(found)
	}
	require.Equal(t, "[4 3 1 0]", gone(3, 14), "of an old day the last verified one is kept; what is incomplete is kept for a day")
	require.Equal(t, "[4 3 2 1 0]", gone(3, 0))
	require.Equal(t, "[4]", gone(9, 14))
	chains = chains[:3]
	require.Equal(t, "[1 0]", gone(1, 0))
	chains[2].Verified = nil
	require.Equal(t, "[0]", gone(1, 0), "the newest verified one is kept in any case")
	chains[0].Modified = now.Add(-time.Hour)
	require.Equal(t, "[]", gone(1, 0), "one that grew within two hours is kept: the target says so")
	chains[0].Modified, chains[0].Last.HeartbeatMillis = time.Time{}, now.Add(-time.Hour).UnixMilli()
	require.Equal(t, "[]", gone(1, 0), "one that grew within two hours is kept: its last segment says so")
}
