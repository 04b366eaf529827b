package stack

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// Short names for the lines that the boot rule gets as answers. R1 is the
// configured first node.
const (
	fresh   = "R1 0 0 master" // a Sentinel that knows nothing yet
	knowing = "R1 0 2 master" // one that knows the replicas
	moved   = "R2 1 2 master" // one that has seen a failover to R2
	failing = "R1 0 2 master,s_down,o_down,failover_in_progress"
	down    = "R1 0 2 master,s_down,o_down"
	made    = "R2 1 2 promoted"      // one that has promoted R2 and cannot end its failover without it
	unseen  = "R1 0 2 master,s_down" // one that cannot reach it, or not yet
)

func sentinelsSay(said ...string) (lines []string) {
	for i, s := range said {
		lines = append(lines, "sentinel S"+string(rune('1'+i))+" "+s)
	}
	return lines
}

func TestTheBootRuleDecides(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name      string
		self      string
		data      bool
		mark      bool
		sentinels []string
		nodes     []string
		want      string
	}{
		{"first run: the first node becomes primary", "R1", false, false, sentinelsSay(fresh, fresh, fresh), nil, "first primary"},
		{"first run: another node follows it unseen", "R2", false, false, sentinelsSay(fresh, fresh, fresh), nil, "first replica R1"},
		{"first run: another node follows it when it has begun to sell", "R3", false, false, sentinelsSay(fresh, fresh, fresh),
			[]string{"node R1 master data", "node R2 slave data"}, "first replica R1"},
		{"no first run with a Sentinel silent", "R1", false, false, sentinelsSay(fresh, fresh), nil, "wait for two Sentinels"},
		{"no first run while another node has data", "R1", false, false, sentinelsSay(fresh, fresh, fresh),
			[]string{"node R2 slave data"}, "wait for two Sentinels"},
		{"no first run with data that no mark explains", "R1", true, false, sentinelsSay(fresh, fresh, fresh), nil, "wait for two Sentinels"},
		{"the first run goes on with the mark", "R1", true, true, sentinelsSay(fresh, fresh, fresh), []string{"node R2 slave data"}, "first primary"},
		{"and when one Sentinel has learned a replica", "R1", true, true, sentinelsSay(fresh, knowing, fresh), nil, "first primary"},
		{"and for a replica", "R2", true, true, sentinelsSay(fresh, knowing, fresh), []string{"node R1 master data"}, "first replica R1"},
		{"but not before the primary is there: with old data it could be promoted", "R2", true, true, sentinelsSay(fresh, knowing, fresh), nil,
			"wait for R1, which the Sentinels name"},
		{"nor before it is known to be there", "R2", true, true, sentinelsSay(fresh, down, fresh), []string{"node R1 master data"}, "wait for the Sentinels to notice"},
		{"but not against another primary", "R1", true, true, sentinelsSay(fresh, fresh, fresh), []string{"node R2 master data"}, "wait for two Sentinels"},
		{"nor during a failover", "R1", true, true, sentinelsSay(fresh, failing, fresh), nil, "wait for two Sentinels"},
		{"nor after one", "R1", true, true, sentinelsSay(fresh, moved, fresh), nil, "wait for two Sentinels"},

		{"the named node becomes primary", "R1", true, false, sentinelsSay(knowing, knowing, knowing), nil, "primary"},
		{"with two Sentinels too", "R1", true, false, sentinelsSay(knowing, knowing), []string{"node R2 slave data"}, "primary"},
		{"and beside one that lost its memory", "R2", true, false, sentinelsSay(moved, fresh, moved), nil, "primary"},
		{"not with one Sentinel", "R1", true, false, sentinelsSay(knowing), nil, "wait for two Sentinels"},
		{"not on silence", "R1", true, false, nil, nil, "wait for two Sentinels"},
		{"not without data", "R1", false, false, sentinelsSay(knowing, knowing, knowing), nil, "wait for the Sentinels to name another node"},
		{"not beside another primary", "R1", true, false, sentinelsSay(knowing, knowing, knowing), []string{"node R2 master data"}, "wait for R2 to stop being primary"},
		{"not during a failover", "R1", true, false, sentinelsSay(knowing, failing, knowing), nil, "wait for the end of the failover"},
		{"but at the end of the one that has promoted it: that waits for it", "R2", true, false, sentinelsSay(moved, moved, made), nil, "primary"},
		{"not while another one begins over it", "R2", true, false,
			sentinelsSay("R2 1 2 master,s_down,o_down,failover_in_progress", moved, made), nil, "wait for the end of the failover"},
		{"not while one Sentinel knows a newer primary", "R1", true, false, sentinelsSay(knowing, moved, knowing), nil, "wait for two Sentinels"},
		{"not beside a node that will not say what it is", "R1", true, false, sentinelsSay(knowing, knowing, knowing),
			[]string{"unclear R2 NOAUTH Authentication required."}, "wait for R2 to say what it is"},

		{"a node that is not named follows", "R1", true, false, sentinelsSay(moved, moved, moved), []string{"node R2 master data"}, "replica R2"},
		{"with an empty directory too", "R3", false, false, sentinelsSay(knowing, knowing), []string{"node R1 master data"}, "replica R1"},
		{"not before the primary answers", "R3", true, false, sentinelsSay(knowing, knowing, knowing), nil, "wait for R1, which the Sentinels name"},
		{"not while it is a replica itself", "R3", true, false, sentinelsSay(moved, moved, moved), []string{"node R2 slave data"}, "wait for R2, which the Sentinels name"},
		{"not while it is being replaced", "R3", true, false, sentinelsSay(knowing, failing, knowing), []string{"node R1 master data"}, "wait for the end of the failover"},
		{"nor while others are being pointed at it", "R3", true, false, sentinelsSay(moved, moved, made), []string{"node R2 master data"},
			"wait for the end of the failover"},
		{"not before the Sentinels know that it is up", "R3", true, false, sentinelsSay(knowing, down, knowing), []string{"node R1 master data"},
			"wait for the Sentinels to notice that R1 is up"},
		{"nor while two doubt it", "R3", true, false, sentinelsSay(unseen, knowing, unseen), []string{"node R1 master data"},
			"wait for the Sentinels to notice that R1 is up"},
		{"a single Sentinel that cannot reach it does not count", "R3", true, false, sentinelsSay(knowing, unseen, knowing), []string{"node R1 master data"}, "replica R1"},
		{"the primary itself does not wait for them", "R1", true, false, sentinelsSay(down, down, down), nil, "primary"},
		{"a refusal is named", "R1", true, false, []string{"refused S1 WRONGPASS invalid"}, nil, "I was refused by S1 (WRONGPASS invalid"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, verdict(t, c.self, c.data, c.mark, append(c.sentinels, c.nodes...)), c.want)
		})
	}
}

func TestTheBootRuleSendsForAPersonOnlyWhenNobodyElseCanDecide(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name      string
		data      bool
		sentinels []string
		nodes     []string
		want      bool
	}{
		{"all Sentinels lost their memory", true, sentinelsSay(fresh, fresh, fresh), nil, true},
		{"two did, and there never was a failover", true, sentinelsSay(fresh, knowing, fresh), nil, true},
		{"the named node lost its data", false, sentinelsSay(knowing, knowing, knowing), nil, true},
		{"one who remembers a failover tells the others", true, sentinelsSay(fresh, moved, fresh), nil, false},
		{"a primary is there to learn from", true, sentinelsSay(fresh, fresh, fresh), []string{"node R2 master data"}, false},
		{"somebody is silent and may know", true, sentinelsSay(fresh, fresh), nil, false},
		{"the first run waits for the last Sentinel", false, sentinelsSay(fresh, fresh), nil, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			said := verdict(t, "R1", c.data, false, append(c.sentinels, c.nodes...))
			texttest.Contains(t, said, "wait for")
			require.Equal(t, c.want, strings.Contains(said, "docs/runbook/redis-waits.md"), said)
		})
	}
}

// What somebody who comes late finds at the end of the log.
func TestWhoWaitsForLongSaysSoAgain(t *testing.T) {
	t.Parallel()
	root, err := Root()
	require.NoError(t, err)
	cmd := exec.Command("sh", "-euc", `. "$REDIS/boot-rule.sh"
		say() { echo "$now: $*"; }
		date() { echo "$clock"; }
		told='' told_at=0
		for clock in 100 110 129 130 159 160; do verdict='wait for Godot'; tell_wait; done
		for clock in 161 162; do verdict='wait for the end'; tell_wait; done`)
	cmd.Env = append(os.Environ(), "REDIS="+filepath.Join(root, "redis"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	const page = " (if that lasts: docs/runbook/redis-waits.md)\n"
	require.Equal(t, "100: I wait for Godot\n130: I still wait for Godot"+page+"160: I still wait for Godot"+page+
		"161: I wait for the end\n", string(out))
}

// Redis reads its append-only file and nothing else when it starts.
func TestTheBootRuleKnowsDataWhenItSeesIt(t *testing.T) {
	t.Parallel()
	const manifest = "data/appendonlydir/appendonly.aof.manifest"
	cases := []struct {
		name, named, first string // what it says when it is named, and in a first run
		files              []string
	}{
		{"an append-only file", "primary", "wait for two Sentinels", []string{manifest, "data/dump.rdb"}},
		{"and the mark", "primary", "first primary", []string{manifest, "first-run"}},
		{"nothing", "but its data is gone", "first primary", []string{"redis.conf"}},
		{"a first start that was cut off", "but its data is gone", "first primary", []string{"data/appendonlydir/temp.base.rdb", "data/temp-1.rdb", "first-run"}},
		{"a snapshot alone", "wait for an append-only file", "wait for two Sentinels", []string{"data/dump.rdb"}},
		{"a snapshot and the mark", "wait for an append-only file", "wait for two Sentinels", []string{"data/dump.rdb", "first-run"}},
		{"something unknown", "wait for an append-only file", "wait for two Sentinels", []string{"data/backup.tar"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, file := range append(c.files, "data/appendonlydir/") {
				path := filepath.Join(dir, file)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				if !strings.HasSuffix(file, "/") {
					require.NoError(t, os.WriteFile(path, []byte("something"), 0o600))
				}
			}
			require.Contains(t, verdictIn(t, dir, "R1", sentinelsSay(knowing, knowing, knowing)), c.named)
			require.Contains(t, verdictIn(t, dir, "R1", sentinelsSay(fresh, fresh, fresh)), c.first)
		})
	}
}

// verdict runs the shipped rule on answers that nobody was asked for.
func verdict(t *testing.T, self string, data, mark bool, answers []string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("something"), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	if data {
		write("data/appendonlydir/appendonly.aof.manifest")
	}
	if mark {
		write("first-run")
	}
	return verdictIn(t, dir, self, answers)
}

// verdictIn is for a node whose volume is dir.
func verdictIn(t *testing.T, dir, self string, answers []string) string {
	t.Helper()
	root, err := Root()
	require.NoError(t, err)
	cmd := exec.Command("sh", "-euc", `. "$RULE"; tally; decide; echo "$verdict"`)
	cmd.Env = append(os.Environ(), "RULE="+filepath.Join(root, "redis", "boot-rule.sh"), "self="+self, "first=R1",
		"sentinel_count=3", "data="+dir+"/data", "mark="+dir+"/first-run", "answers="+strings.Join(answers, "\n"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.TrimSpace(string(out))
}
