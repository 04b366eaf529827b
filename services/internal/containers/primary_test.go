//go:build containers

package containers_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/containers"
	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/texttest"
)

func TestAKilledPrimaryIsReplacedLosesNothingAndReturnsAsAReplica(t *testing.T) {
	s := whole(t)
	old, _ := s.primary(t)
	s.requireFailover(t, old, func() error {
		_, err := s.Compose(t.Context(), "kill", old.Name())
		return err
	}, func() error {
		// What was killed by hand the engine leaves down.
		_, err := s.Compose(t.Context(), "start", old.Name())
		return err
	})
}

func TestAPausedPrimaryIsReplacedLosesNothingAndReturnsAsAReplica(t *testing.T) {
	s := whole(t)
	old, _ := s.primary(t)
	s.requireFailover(t, old, old.Pause, old.Resume)
}

func TestAPrimaryWithoutANetworkIsReplacedLosesNothingAndReturnsAsAReplica(t *testing.T) {
	s := whole(t)
	old, _ := s.primary(t)
	s.requireFailover(t, old,
		func() error { return old.Disconnect(t.Context()) },
		func() error { return old.Connect(t.Context()) })
}

// requireFailover takes the primary away under load, and gives it back when another one serves.
func (s *shop) requireFailover(t *testing.T, old *containers.Service, harm, heal func() error) {
	t.Helper()
	figures := s.underLoad(t, func() {
		require.NoError(t, harm())
		s.awaitOther(t, old)
	}, func() { require.NoError(t, heal()) })
	s.requireFailedOver(t, old, figures)
}

// The longest times without a good answer. How fast a failover is on a quiet machine the drill measures; here it is
// enough that no client had to give up: a write waits COMMIT_DEADLINE, 10 s, and a read 3 s.
const (
	writesGap = 10 * time.Second
	readsGap  = 3 * time.Second
)

// requireFailedOver demands that another node is primary and the old one follows it, and that no client had to wait
// too long. (The shop is whole already: see underLoad.)
func (s *shop) requireFailedOver(t *testing.T, old *containers.Service, f check.Figures) {
	t.Helper()
	primary, _ := s.primary(t)
	require.NotEqual(t, old.Name(), primary.Name())
	state, err := s.Replication(t.Context(), old.Name())
	require.NoError(t, err)
	require.Equal(t, []string{"slave", "up"}, []string{state["role"], state["master_link_status"]})
	require.Less(t, f.Writes.Gap, writesGap)
	require.Less(t, f.Reads.Gap, readsGap)
}

// downAfter is Sentinel's patience with a silent primary.
func (s *shop) downAfter(t *testing.T) time.Duration {
	t.Helper()
	milliseconds, err := strconv.Atoi(s.Setting("SENTINEL_DOWN_AFTER_MS"))
	require.NoError(t, err)
	return time.Duration(milliseconds) * time.Millisecond
}

func TestAReplicaThatLostItsVolumeIsFilledAgain(t *testing.T) {
	s := whole(t)
	_, replicas := s.primary(t)
	empty := replicas[0]
	figures := s.underLoad(t, func() {
		require.NoError(t, empty.Terminate(t.Context()))
		require.NoError(t, empty.Discard(t.Context()))
	}, func() { require.NoError(t, s.Up(t.Context())) })
	require.Less(t, figures.Writes.Gap, readsGap, "nobody waits for one replica")

	primary, _ := s.primary(t)
	has, err := s.Redis(t.Context(), primary.Name(), "DBSIZE")
	require.NoError(t, err)
	// What the primary forgets by time (sessions, limits) the replica drops a moment later.
	await(t, 10*time.Second, empty.Name()+" has all that "+primary.Name()+" has", func() bool {
		copied, err := s.Redis(t.Context(), empty.Name(), "DBSIZE")
		if err == nil && copied != has {
			has, err = s.Redis(t.Context(), primary.Name(), "DBSIZE")
		}
		return err == nil && copied == has
	})
	t.Logf("%s holds %s keys again", empty.Name(), has)
}

func TestAPrimaryThatLostItsVolumeDoesNotStartEmptyAndNothingIsLost(t *testing.T) {
	s := whole(t)
	old, _ := s.primary(t)
	var took time.Duration
	figures := s.underLoad(t, func() {
		began := time.Now()
		require.NoError(t, old.Discard(t.Context()))
		require.NoError(t, old.Recreate(t.Context()))
		took = time.Since(began)
		s.awaitOther(t, old)
	}, func() { require.NoError(t, s.Up(t.Context())) })
	said, err := old.Logs(t.Context(), 100)
	require.NoError(t, err)
	t.Logf("%s was there again, empty, after %v", old.Name(), took.Round(time.Millisecond))
	// While the Sentinels name it, or are about to name another node, it has to wait; later it knows whom to follow.
	if took < s.downAfter(t) {
		texttest.Contains(t, said, "start: I wait for")
	}
	texttest.NotContains(t, said, "start: I primary")
	s.requireFailedOver(t, old, figures)
}
