package restore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/target"
)

// The service ships into its own backup, and make backup has made a later one that gets no increments. A second target lacks the
// last shipment.
func TestTheBackupWithTheNewestStateIsTakenWhereverItIs(t *testing.T) {
	t.Parallel()
	near, err := target.Open(t.TempDir(), target.Credentials{})
	require.NoError(t, err)
	far, err := target.Open(t.TempDir(), target.Credentials{})
	require.NoError(t, err)
	began := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	shipped, single := archive.NewChain(began), archive.NewChain(began.Add(30*time.Minute))
	chain := func(store target.Store, id, history string, state time.Duration, sequence int64) kept {
		last := archive.Sidecar{HeartbeatMillis: began.Add(state).UnixMilli(), Sequence: sequence}
		full := archive.Full{Chain: id, Segments: 1, State: archive.State{History: history}}
		return kept{store: store, Chain: archive.Chain{ID: id, Full: &full, Segments: 1, Last: last}}
	}
	all := []kept{
		chain(
			near,
			shipped,
			"h",
			40*time.Minute,
			40,
		), chain(near, single, "h", 30*time.Minute, 30), chain(far, shipped, "h", 50*time.Minute, 50),
	}
	for name, c := range map[string]struct {
		wanted Wanted
		id     string
		store  target.Store
	}{
		"the newest state":                 {Wanted{}, shipped, far},
		"a moment that only one has":       {Wanted{At: began.Add(45 * time.Minute)}, shipped, far},
		"a moment that both have":          {Wanted{At: began.Add(30 * time.Minute)}, single, near},
		"a commit that only one has":       {Wanted{Sequence: 45}, shipped, far},
		"a backup that is named":           {Wanted{Chain: single}, single, near},
		"a moment that is later than both": {Wanted{At: began.Add(time.Hour)}, shipped, far},
	} {
		found := c.wanted.fitting(all)
		require.NotEmpty(t, found, name)
		require.Equal(t, c.id, found[0].ID, name)
		require.Equal(t, c.store, found[0].store, name)
	}
	empty := append(all, chain(near, archive.NewChain(time.Now()), "empty", time.Hour, 1))
	require.Equal(t, shipped, Wanted{notOf: "empty"}.fitting(empty)[0].ID, "the empty shop's own backups are left out")
}
