package boot_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// What the rule leaves to a person: it waits, says so and names the page; and
// who does what the page says has the shop back, with everything acknowledged.
func TestWhatNoRuleFitsWaitsForAPersonWhoFindsTheWayInTheRunbook(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		failover bool
		lost     func(primary string) []string
		says     string
		chapter  string
	}{
		{
			"two Sentinels' volumes, and there never was a failover", false,
			func(string) []string { return []string{"sentinel-1", "sentinel-2"} },
			"a person has to decide: docs/runbook/redis-waits.md", "## A.",
		},
		{
			"all Sentinels' volumes, and the primary was not the first node", true,
			func(string) []string { return sentinels() },
			"a person has to decide: docs/runbook/redis-waits.md", "## A.",
		},
		{
			"the primary's volume", true,
			func(primary string) []string { return []string{primary} },
			"its data is gone (docs/runbook/redis-waits.md)", "## B.",
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			c.awaitEndOfFirstRun(t)
			primary := "redis-1"
			if test.failover {
				primary = c.failOver(t)
			}
			load := c.startWriters(t, primary)
			c.leaveBehind(t, load, primary, others(primary)[0])
			c.kill(t, stack.RedisAndSentinels()...)
			load.end()
			c.lose(t, test.lost(primary)...)
			c.launch(t, stack.RedisAndSentinels()...)
			c.awaitSaid(t, primary, test.says)
			c.requireNobodyStarts(t)

			book := openRunbook(t, c)
			require.Contains(t, book.run("## How to see it", nil), "I wait for ")
			c.kill(t, stack.RedisAndSentinels()...)
			choice := map[string]string{"primary": primary, "newest": newest(t, book.run("## Before A and B", nil))}
			book.run(test.chapter, choice)
			c.launch(t, stack.RedisAndSentinels()...)
			now := c.wholeSoon(t)
			require.Zero(t, load.lost(t, c, now))
			require.Len(t, strings.Split(strings.TrimSpace(book.run("## How to know that it is over", nil)), "\n"), 3)
		})
	}
}

// awaitEndOfFirstRun waits until the mark of the first run is removed, half a second
// or so after two Sentinels know the replicas. As long as it is there, the first node
// rightly starts as the first primary again.
func (c *cluster) awaitEndOfFirstRun(t *testing.T) {
	t.Helper()
	await(t, "the first run is over", func() bool {
		_, err := os.Stat(filepath.Join(c.Dir(), "redis-1", "first-run"))
		return errors.Is(err, fs.ErrNotExist)
	})
}

// requireNobodyStarts looks when the Sentinels have lost patience with the
// primary, each for itself: those that know nothing do not know each other.
func (c *cluster) requireNobodyStarts(t *testing.T) {
	t.Helper()
	await(t, "the Sentinels miss the primary", func() bool { return c.flagged(t, "s_down") == len(sentinels()) })
	for _, name := range nodes() {
		texttest.NotContains(t, c.said(t, name), "I start as", name)
	}
}

// runbook is the page as a person uses it, in a directory like the repository's.
type runbook struct {
	t    *testing.T
	text string
	dir  string
}

func openRunbook(t *testing.T, c *cluster) *runbook {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "docs/runbook/redis-waits.md"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".data"), 0o700))
	require.NoError(t, os.Symlink(c.Dir(), filepath.Join(dir, ".data/127.20.0")))
	require.NoError(t, os.Symlink(filepath.Join(root, "scripts"), filepath.Join(dir, "scripts")))
	return &runbook{t: t, text: string(text), dir: dir}
}

// run executes the first block of commands of a chapter, with the choices that
// the reader is asked to make, and gives what it prints.
func (r *runbook) run(chapter string, choices map[string]string) string {
	r.t.Helper()
	_, rest, found := strings.Cut(r.text, "\n"+chapter)
	require.True(r.t, found, chapter)
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(rest)
	require.NotNil(r.t, block, chapter)
	commands := regexp.MustCompile(`(?m)^(\w+)=redis-\d$`).ReplaceAllStringFunc(block[1], func(line string) string {
		name, _, _ := strings.Cut(line, "=")
		require.NotEmpty(r.t, choices[name], name)
		return name + "=" + choices[name]
	})
	cmd := exec.Command("sh", "-euc", commands)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	require.NoError(r.t, err, "%s\n%s", commands, out)
	return string(out)
}

// newest reads whose data has seen the most commits.
func newest(t *testing.T, said string) (node string) {
	t.Helper()
	most := 0
	for _, found := range regexp.MustCompile(`(?m)^(redis-\d): (\d+) commits, \d+ keys$`).FindAllStringSubmatch(said, -1) {
		commits, err := strconv.Atoi(found[2])
		require.NoError(t, err)
		if commits > most {
			node, most = found[1], commits
		}
	}
	require.NotEmpty(t, node, said)
	return node
}
