package alerts_test

import (
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"evergreen/services/internal/stack"
)

// One shop is broken in one way after the other, each time until the mail is there, and repaired. Scrapes, rules and
// Alertmanager are as they ship, so the times are those that a person would have seen.
func TestEachFailureIsMailedAndSoIsItsEndAndNothingElse(t *testing.T) {
	// A write beyond a limit of a file's size then fails like one on a full disk, where it would end the process. What is
	// started from here on inherits it.
	signal.Ignore(unix.SIGXFSZ)
	shop := start(t)
	shop.well()

	node, filled := shop.withoutRoom()
	apisBack := shop.allAPIsDown(func() {
		// A ticket takes longer than a page, and the two have nothing to do with each other.
		shop.mailed(filled, 90*time.Second, "RedisDown", "ticket", node.Name())
	})
	sentinelsBack := shop.twoSentinelsAndThePrimaryDown()
	replicasBack := shop.bothReplicasDown()

	shop.over(apisBack, "AllApisDown")
	shop.over(apisBack, "RedisDown", node.Name())
	shop.over(sentinelsBack, "NoPrimary")
	shop.over(sentinelsBack, "QuorumLost")
	shop.over(replicasBack, "NoReplicas")
	require.Equal(t, map[string]bool{
		"RedisDown": true, "AllApisDown": true, "NoPrimary": true, "QuorumLost": true, "NoReplicas": true,
	}, shop.mailedAlerts(), "a consequence was mailed, too")
}

// well waits until Prometheus has seen everything, and nothing is wrong: each metric that a rule asks for is there, and
// no alert fires but the expected ones.
func (w watched) well() {
	w.t.Helper()
	w.await(`ALERTS{alertname="Watchdog",alertstate="firing"}`, time.Minute)
	w.await(`count(up == 1) == count(up)`, time.Minute)
	for _, metric := range asked(w.t) {
		w.await(`{__name__="`+metric+`"}`, time.Minute)
	}
	require.Empty(w.t, w.query(unexpected("")))
}

// asked lists the metrics that the rules are made of; what the rules record is not among them.
func asked(t *testing.T) (metrics []string) {
	t.Helper()
	selector := regexp.MustCompile(`\{[^}]*\}|\b(by|on|ignoring|group_left|group_right) *\([^)]*\)`)
	name := regexp.MustCompile(`\b(up|(shop|redis|nginx|node|alertmanager|prometheus)_[a-z0-9_]+)\b`)
	for _, one := range rules(t) {
		metrics = append(metrics, name.FindAllString(selector.ReplaceAllString(one.Expr, ""), -1)...)
	}
	slices.Sort(metrics)
	metrics = slices.Compact(metrics)
	require.Greater(t, len(metrics), 25)
	return metrics
}

// withoutRoom has a replica's append-only file grow no further. Redis ends at the first write that fails: the next
// heartbeat of the shop.
func (w watched) withoutRoom() (*stack.Process, time.Time) {
	w.t.Helper()
	_, replicas := w.roles()
	node := replicas[0]
	limit := unix.Rlimit{Cur: largestFile(w.t, filepath.Join(w.Dir(), node.Name(), "data", "appendonlydir")), Max: unix.RLIM_INFINITY}
	require.NoError(w.t, unix.Prlimit(node.PID(), unix.RLIMIT_FSIZE, &limit, nil))
	at := time.Now()
	w.eventually(node.Name()+" has ended", func() bool { return node.PID() == 0 })
	require.Contains(w.t, read(w.t, node.LogPath()), "Can't recover from AOF write error")
	return node, at
}

func largestFile(t *testing.T, dir string) (largest uint64) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		require.NoError(t, err)
		largest = max(largest, uint64(info.Size()))
		return nil
	}))
	return largest
}

func (w watched) kill(names ...string) time.Time {
	w.t.Helper()
	at := time.Now()
	for _, name := range names {
		require.NoError(w.t, w.Process(name).Kill())
	}
	return at
}

func (w watched) allAPIsDown(meanwhile func()) (healed time.Time) {
	w.t.Helper()
	failed := w.kill("api-1", "api-2")
	w.mailed(failed, time.Minute, "AllApisDown", "page", "None of 2 answers")
	w.awaitSilenced("ApiDown", "AllApisDown")
	meanwhile()
	return w.repair()
}

func (w watched) twoSentinelsAndThePrimaryDown() (healed time.Time) {
	w.t.Helper()
	primary, _ := w.roles()
	failed := w.kill("sentinel-1", "sentinel-3", primary.Name())
	w.mailed(failed, time.Minute, "NoPrimary", "page", primary.Name()+" is down", "sentinel-1 is down", "sentinel-2 answers")
	w.mailed(failed, time.Minute, "QuorumLost", "page", "1 of 3 Sentinels answer")
	return w.repair()
}

func (w watched) bothReplicasDown() (healed time.Time) {
	w.t.Helper()
	primary, replicas := w.roles()
	failed := w.kill(replicas[0].Name(), replicas[1].Name())
	w.mailed(failed, time.Minute, "NoReplicas", "page", primary.Name())
	w.awaitSilenced("WriteProbeFailing", "NoReplicas")
	return w.repair()
}
