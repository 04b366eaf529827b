package boot_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/stack"
)

// patience is how long a condition is waited for; backLimit how long the shop
// may take, once everything has been started, until it keeps writes again.
const (
	patience  = 60 * time.Second
	backLimit = 40 * time.Second
	pollEvery = 50 * time.Millisecond
)

// keys is how many the data set has before anything happens to it.
const keys = 500

// cluster is a stack of Redis nodes and Sentinels which is being watched.
type cluster struct {
	*stack.Stack
	watch *watch
	// seen is how much of each log was there when the service was last launched.
	seen map[string]int
}

// start gives a cluster with data in it, on all three nodes.
func start(t *testing.T) *cluster {
	t.Helper()
	s := stack.StartT(t, stack.Options{Services: stack.RedisAndSentinels()})
	c := &cluster{Stack: s, watch: watchPrimaries(t, s), seen: map[string]int{}}
	c.fill(t)
	return c
}

// fill writes the data set, to all three nodes. In the first moments the primary
// may have no replicas yet, and refuses.
func (c *cluster) fill(t *testing.T) {
	t.Helper()
	const script = "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'evg:boot:' .. i, i) end"
	await(t, "all nodes have data", func() bool {
		conn, err := c.Dial(t.Context(), "redis-1")
		if err != nil {
			return false
		}
		defer conn.Close()
		if _, err = conn.Do(t.Context(), "EVAL", script, "0", strconv.Itoa(keys)); err != nil {
			return false
		}
		held, err := conn.Do(t.Context(), "WAIT", "2", "500")
		return err == nil && held == "2"
	})
	c.watch.filled.Store(true)
}

func ofKind(prefix string) []string {
	return slices.DeleteFunc(stack.RedisAndSentinels(), func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

func nodes() []string     { return ofKind("redis-") }
func sentinels() []string { return ofKind("sentinel-") }

// others are the nodes besides these.
func others(names ...string) []string {
	return slices.DeleteFunc(nodes(), func(name string) bool { return slices.Contains(names, name) })
}

// kill ends services with SIGKILL, all at once; those that are down stay down.
func (c *cluster) kill(t *testing.T, names ...string) {
	t.Helper()
	var all errgroup.Group
	for _, name := range names {
		if p := c.Process(name); p.PID() != 0 {
			all.Go(p.Kill)
		}
	}
	require.NoError(t, all.Wait())
}

// launch starts services without waiting for anything.
func (c *cluster) launch(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		log, err := os.ReadFile(c.Process(name).LogPath())
		require.NoError(t, err)
		c.seen[name] = len(log)
		require.NoError(t, c.Process(name).Launch())
	}
}

// said is what a service has logged since it was last launched.
func (c *cluster) said(t *testing.T, name string) string {
	t.Helper()
	log, err := os.ReadFile(c.Process(name).LogPath())
	require.NoError(t, err)
	return string(log[c.seen[name]:])
}

// awaitSaid waits for words in the log of a node that was launched.
func (c *cluster) awaitSaid(t *testing.T, name, words string) {
	t.Helper()
	await(t, name+" says: "+words, func() bool { return strings.Contains(c.said(t, name), words) })
}

// launchInOrder starts nodes, each when the one before it has found out what it
// may be, or has said what it waits for.
func (c *cluster) launchInOrder(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		c.launch(t, name)
		c.awaitSaid(t, name, " start: I ")
	}
}

// lose removes what a service has stored, as if its volume had been lost.
func (c *cluster) lose(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		require.Zero(t, c.Process(name).PID(), name)
		entries, err := os.ReadDir(filepath.Join(c.Dir(), name))
		require.NoError(t, err)
		for _, entry := range entries {
			require.NoError(t, os.RemoveAll(filepath.Join(c.Dir(), name, entry.Name())))
		}
	}
}

// whole waits until everything that is up can be used, with one primary and the
// same data on all nodes. Who is primary may change until then: a node that is
// started just when Sentinel loses patience is replaced at once.
func (c *cluster) whole(t *testing.T) (primary string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, c.AwaitHealthy(ctx))
	await(t, "one primary, and the same data everywhere", func() bool {
		var err error
		primary, err = c.Primary(ctx)
		return err == nil && c.follow(ctx, primary)
	})
	return primary
}

// follow says that all nodes that are up have the data of this one, a primary.
func (c *cluster) follow(ctx context.Context, primary string) bool {
	want := c.state(ctx, primary)
	if want["role"] != "master" || want["loading"] != "0" || want["db0"] == "" {
		return false
	}
	for _, name := range others(primary) {
		if c.Process(name).PID() == 0 {
			continue
		}
		if has := c.state(ctx, name); has["master_host"]+":6379" != c.Process(primary).Addr() || !hasCaughtUp(has, want) {
			return false
		}
	}
	return true
}

// wholeSoon is whole for Sentinels that have to learn of the replicas first. It
// has them ask each second, as a start of the stack does, instead of every 10 s.
func (c *cluster) wholeSoon(t *testing.T) (primary string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, name := range sentinels() {
		c.awaitAnswer(t, name)
	}
	require.NoError(t, c.Up(ctx))
	return c.whole(t)
}

// hasCaughtUp says that a replica has all that its primary had when it was asked.
// An open link alone means little: after a full copy what was written meanwhile
// is yet to come.
func hasCaughtUp(replica, primary map[string]string) bool {
	has, _ := strconv.ParseInt(replica["slave_repl_offset"], 10, 64)
	wants, err := strconv.ParseInt(primary["master_repl_offset"], 10, 64)
	return err == nil && has >= wants && replica["master_link_status"] == "up" && count(replica) == count(primary)
}

// state is what INFO says, by name; empty if the node does not answer.
func (c *cluster) state(ctx context.Context, name string) map[string]string {
	return state(ctx, c.Stack, name)
}

func state(ctx context.Context, s *stack.Stack, name string) map[string]string {
	info, _ := s.Redis(ctx, name, "INFO")
	found := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			found[name] = value
		}
	}
	return found
}

// count is the number of keys, from db0:keys=500,expires=0,avg_ttl=0.
func count(state map[string]string) string {
	number, _, _ := strings.Cut(strings.TrimPrefix(state["db0"], "keys="), ",")
	return number
}

// flagged counts the Sentinels that flag the primary with a word: s_down is what
// one sees for itself, o_down what it has the others' consent for.
func (c *cluster) flagged(t *testing.T, word string) (n int) {
	t.Helper()
	for _, name := range sentinels() {
		view, err := c.Redis(t.Context(), name, "SENTINEL", "MASTER", c.Setting("REDIS_MASTER_NAME"))
		if err == nil && strings.Contains(view, word) {
			n++
		}
	}
	return n
}

// promoted is the node that a Sentinel has promoted in a failover that it has not
// ended: it names that one, while its record is still the old primary's. "" if none.
func (c *cluster) promoted(t *testing.T, sentinel string) string {
	t.Helper()
	record, err := c.Redis(t.Context(), sentinel, "SENTINEL", "MASTER", c.Setting("REDIS_MASTER_NAME"))
	require.NoError(t, err)
	address, err := c.Redis(t.Context(), sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", c.Setting("REDIS_MASTER_NAME"))
	require.NoError(t, err)
	if strings.Contains(record, "\nip\n"+strings.Replace(address, "\n", "\nport\n", 1)+"\n") {
		return ""
	}
	at := slices.IndexFunc(nodes(), func(name string) bool { return c.Process(name).Addr() == strings.Replace(address, "\n", ":", 1) })
	require.GreaterOrEqual(t, at, 0, address)
	return nodes()[at]
}

// awaitPromotion gives the Sentinel that has just promoted a node, and the node.
func (c *cluster) awaitPromotion(t *testing.T) (promoter, promoted string) {
	t.Helper()
	await(t, "a Sentinel has promoted a node", func() bool {
		for _, promoter = range sentinels() {
			if promoted = c.promoted(t, promoter); promoted != "" {
				return true
			}
		}
		return false
	})
	return promoter, promoted
}

// seesDown says that a Sentinel holds a node, as one of the replicas, for down.
func (c *cluster) seesDown(t *testing.T, sentinel, node string) bool {
	t.Helper()
	view, err := c.Redis(t.Context(), sentinel, "SENTINEL", "REPLICAS", c.Setting("REDIS_MASTER_NAME"))
	require.NoError(t, err)
	_, view, _ = strings.Cut(view, "name\n"+c.Process(node).Addr()+"\n")
	view, _, _ = strings.Cut(view, "\nname\n")
	return strings.Contains(view, "s_down")
}

func (c *cluster) awaitAnswer(t *testing.T, name string) {
	t.Helper()
	await(t, name+" answers", func() bool {
		_, err := c.Redis(t.Context(), name, "PING")
		return err == nil
	})
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	require.Eventually(t, done, patience, pollEvery, what)
}
