package boot_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// situation is one way in which all Redis nodes die and are started again: what a
// host, its containers or a person in a hurry may do. Starting all services at
// once is what TestAHostThatReboots… does.
type situation struct {
	name string
	// happen kills everything and launches it, the nodes in the given order.
	happen func(c *cluster, t *testing.T, primary string, order []string)
}

func situations() []situation {
	return []situation{
		{"everything killed, started turn by turn", (*cluster).turnByTurn},
		{"host reboots, Sentinels first and out of patience", (*cluster).sentinelsFirst},
		{"host reboots, Redis first", (*cluster).redisFirst},
		{"all Redis killed and started at once", (*cluster).redisAtOnce},
		{"all Redis killed, the Sentinels out of patience", (*cluster).redisLate},
		{"primary killed, everything killed during the failover", (*cluster).duringFailover},
	}
}

func (c *cluster) turnByTurn(t *testing.T, _ string, order []string) {
	t.Helper()
	c.kill(t, stack.RedisAndSentinels()...)
	for i, name := range order {
		c.launch(t, sentinels()[i])
		c.launchInOrder(t, name)
	}
}

func (c *cluster) sentinelsFirst(t *testing.T, primary string, order []string) {
	t.Helper()
	c.kill(t, stack.RedisAndSentinels()...)
	c.launch(t, sentinels()...)
	c.awaitImpatience(t)
	c.launchPrimaryLate(t, primary, order)
}

func (c *cluster) redisFirst(t *testing.T, _ string, order []string) {
	t.Helper()
	c.kill(t, stack.RedisAndSentinels()...)
	c.launchInOrder(t, order...)
	for _, name := range sentinels() {
		c.launch(t, name)
		c.awaitAnswer(t, name)
	}
}

func (c *cluster) redisAtOnce(t *testing.T, _ string, order []string) {
	t.Helper()
	c.kill(t, nodes()...)
	c.launchInOrder(t, order...)
}

func (c *cluster) redisLate(t *testing.T, primary string, order []string) {
	t.Helper()
	c.kill(t, nodes()...)
	c.awaitImpatience(t)
	c.launchPrimaryLate(t, primary, order)
}

func (c *cluster) duringFailover(t *testing.T, primary string, order []string) {
	t.Helper()
	c.kill(t, primary)
	await(t, "a Sentinel begins a failover", func() bool { return c.flagged(t, "o_down") > 0 })
	// Each order meets another moment of the failover, which takes one to two seconds.
	late := slices.Index(nodes(), order[0]) + 3*slices.Index(others(order[0]), order[1])
	<-time.After(time.Duration(late) * 400 * time.Millisecond)
	c.kill(t, stack.RedisAndSentinels()...)
	for i, name := range order {
		c.launchInOrder(t, name)
		c.launch(t, sentinels()[(i+late)%3])
	}
}

// launchPrimaryLate lets the nodes that are started before the old primary go
// through an attempt of a failover, which Sentinels make every 6 s or so. A node
// that had started from its disk by then would be promoted, however old its data.
func (c *cluster) launchPrimaryLate(t *testing.T, primary string, order []string) {
	t.Helper()
	for i, name := range order {
		if name == primary && i > 0 {
			before := c.attempts(t)
			await(t, "the Sentinels end a failover", func() bool { return c.attempts(t) > before })
		}
		c.launchInOrder(t, name)
	}
}

// attempts counts the failovers that the Sentinels have ended, with or without a
// new primary.
func (c *cluster) attempts(t *testing.T) (n int) {
	t.Helper()
	for _, name := range sentinels() {
		said := c.said(t, name)
		n += strings.Count(said, "-failover-abort") + strings.Count(said, "+switch-master")
	}
	return n
}

// awaitImpatience waits until all Sentinels hold the primary for down.
func (c *cluster) awaitImpatience(t *testing.T) {
	t.Helper()
	await(t, "all Sentinels hold the primary for down", func() bool { return c.flagged(t, "o_down") == len(sentinels()) })
}

// freezings is in how many ways replicas are left behind before the kill: none is;
// one lacks writes that were acknowledged; and the other lacks writes that the
// primary alone has.
const freezings = 3

// leaveBehind freezes replicas one after the other, while writes go on, each
// at an offset of its own, the first of them the furthest behind. Their links are cut while they are frozen: what lies
// in their sockets would reach them otherwise.
func (c *cluster) leaveBehind(t *testing.T, load *writers, primary string, replicas ...string) {
	t.Helper()
	load.awaitAcked(t, 20)
	// Off, or the primary would refuse what nobody else will have.
	c.command(t, primary, "CONFIG", "SET", "min-replicas-to-write", "0")
	for i, name := range replicas {
		require.NoError(t, c.Process(name).Pause())
		t.Cleanup(func() { _ = c.Process(name).Resume() }) // for the next run, if this one ends here
		c.command(t, primary, "CLIENT", "KILL", "TYPE", "replica")
		if i == 1 {
			load.awaitWritten(t, 3)
		} else {
			load.awaitAcked(t, 20)
		}
	}
}

func (c *cluster) command(t *testing.T, name string, command ...string) {
	t.Helper()
	_, err := c.Redis(t.Context(), name, command...)
	require.NoError(t, err)
}

// outcome is what became of one whole-cluster kill.
type outcome struct {
	acked, written, lost int64
	before, after        string        // the primary
	back                 time.Duration // from the last launch until writes were kept again
	two                  time.Duration // that two nodes were primary
}

// killAll lets one situation happen under load and sees what is left.
func (c *cluster) killAll(t *testing.T, s situation, order []string, frozen int) outcome {
	t.Helper()
	o := outcome{before: c.whole(t)}
	load := c.startWriters(t, o.before)
	// The one that starts first is the furthest behind.
	replicas := slices.DeleteFunc(slices.Clone(order), func(name string) bool { return name == o.before })
	c.leaveBehind(t, load, o.before, replicas[:frozen]...)
	c.watch.two()

	s.happen(c, t, o.before, order)
	began := time.Now()
	load.end()
	o.acked, o.written = load.sum()
	primary, err := c.AwaitPrimary(t.Context(), func(name string) bool { return c.state(t.Context(), name)["loading"] == "0" })
	require.NoError(t, err)
	o.lost = load.lost(t, c, primary)

	await(t, "writes are kept again", func() bool { return c.keepsWrites(t.Context()) })
	o.back = time.Since(began)
	o.after = c.whole(t)
	for _, name := range nodes() {
		o.lost = max(o.lost, load.lost(t, c, name))
	}
	o.two = c.watch.two()
	return o
}

// keepsWrites tries one write. It is not counted as acknowledged: a node that is
// started just when Sentinel loses patience may be replaced at once, and to
// withhold what it alone would acknowledge is the committer's part.
func (c *cluster) keepsWrites(ctx context.Context) bool {
	primary, err := c.Primary(ctx)
	if err != nil {
		return false
	}
	conn, err := c.Dial(ctx, primary)
	if err != nil {
		return false
	}
	defer conn.Close()
	held, err := (&writer{key: "evg:boot:again"}).once(ctx, conn, 1)
	return err == nil && held
}

// orders are all orders in which three nodes can be started.
func orders() (all [][]string) {
	for _, first := range nodes() {
		rest := others(first)
		all = append(all, []string{first, rest[0], rest[1]}, []string{first, rest[1], rest[0]})
	}
	return all
}

func freezing(n int) string { return []string{"none", "one", "both"}[n] }
