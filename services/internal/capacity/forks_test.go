package capacity

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/processor"
	"evergreen/services/internal/shoptest"
)

const (
	forkProducts    = 100_000
	forkScale       = 200 // the periods of redis.conf are made shorter by this factor
	forkPhase       = 60 * time.Second
	forkRounds      = 2
	ordersPerSecond = 60
)

// nodes are the Redis nodes in the order of REDIS_NODES.
func nodes() []string { return []string{"redis-1", "redis-2", "redis-3"} }

// fork is the time in which a node had a child.
type fork struct {
	node     string
	from, to time.Time
}

// sample is one order.
type sample struct {
	due  time.Time
	took time.Duration
}

// phase is a time in which the nodes had the same settings, and what was seen in it.
type phase struct {
	from, to  time.Time
	orders    []sample
	processor time.Duration // of the three servers, their children excluded
}

// TestNodesWithPeriodsOfTheirOwnSeldomForkTogether compares snapshots by the rendered periods, which are made shorter, with
// snapshots in step. Both take turns in one run. It takes six minutes, so it runs only with FORKS=1.
func TestNodesWithPeriodsOfTheirOwnSeldomForkTogether(t *testing.T) {
	if os.Getenv("FORKS") == "" {
		t.Skip("FORKS=1 runs it: six minutes")
	}
	s := open(t)
	periods := s.periods(t)
	s.save(t, []string{"", "", ""})
	s.fillByCopies(t)
	customers := shoptest.Customers(t, s.admin, 16)
	product := shoptest.Product(t, s.admin, 1_000_000)
	ways := map[string][]string{"none": {"", "", ""}, "together": {periods[0], periods[0], periods[0]}, "apart": periods}
	phases := map[string][]phase{}
	for range forkRounds {
		for _, way := range []string{"none", "together", "apart"} {
			s.awaitNoChild(t)
			s.save(t, ways[way])
			phases[way] = append(phases[way], s.buy(t, customers, product))
			s.save(t, ways["none"])
		}
	}
	s.awaitNoChild(t)
	forks := s.forks(t)
	shares := map[string]float64{}
	for _, way := range []string{"none", "together", "apart"} {
		shares[way] = tellPhases(t, way, phases[way], forks)
		tellByChildren(t, phases[way], forks)
	}
	require.Positive(t, shares["together"])
	require.Less(t, shares["apart"], shares["together"]/2)
}

// periods are those of the nodes as start-redis.sh has rendered them, made shorter.
func (s *shop) periods(t *testing.T) (short []string) {
	t.Helper()
	for _, node := range nodes() {
		reply, err := s.stack.Redis(t.Context(), node, "CONFIG", "GET", "save")
		require.NoError(t, err)
		fields := strings.Fields(reply)
		require.Len(t, fields, 3, reply)
		seconds, err := strconv.Atoi(fields[1])
		require.NoError(t, err)
		short = append(short, fmt.Sprintf("%d %s", seconds/forkScale, fields[2]))
	}
	return short
}

// save sets the rule of each node. Without a rule it takes no snapshot.
func (s *shop) save(t *testing.T, rules []string) {
	t.Helper()
	for i, node := range nodes() {
		_, err := s.stack.Redis(t.Context(), node, "CONFIG", "SET", "save", rules[i])
		require.NoError(t, err)
	}
}

// awaitNoChild takes a snapshot on each node and waits for its end, so that the periods of all begin anew.
func (s *shop) awaitNoChild(t *testing.T) {
	t.Helper()
	for _, node := range nodes() {
		require.Eventually(t, func() bool {
			_, err := s.stack.Redis(t.Context(), node, "BGSAVE")
			return err == nil
		}, 2*time.Minute, 100*time.Millisecond, "%s has a child", node)
	}
	for _, node := range nodes() {
		require.Eventually(t, func() bool {
			info, err := s.stack.Redis(t.Context(), node, "INFO", "persistence")
			return err == nil && strings.Contains(info, "rdb_bgsave_in_progress:0") &&
				strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0")
		}, 2*time.Minute, 50*time.Millisecond, node)
	}
}

// fillByCopies makes one typical product through the API, and copies of it in Redis: each is a hash with the same fields, and
// stands in the list of all products.
func (s *shop) fillByCopies(t *testing.T) {
	t.Helper()
	id := s.admin.Want(t, http.StatusCreated, "POST", "/v1/products", typical(0)).Text(t, "id")
	const step = 200 // a script blocks its node, and all that it writes is synced at once
	for from := 0; from < forkProducts; from += step {
		s.ask(t, "EVAL", `local fields = redis.call('HGETALL', 'evg:product:' .. KEYS[1])
			for i = ARGV[1], ARGV[2] do
				local id = string.format('01a22178-63d0-77d4-b6d2-%012d', i)
				redis.call('HSET', 'evg:product:' .. id, unpack(fields))
				redis.call('ZADD', 'evg:products', 0, id)
			end`, "1", id, strconv.Itoa(from), strconv.Itoa(from+step-1))
	}
	require.GreaterOrEqual(t, len(s.keys(t, "evg:product:*")), forkProducts)
}

// buy buys in an open loop for a phase: an order takes from the moment at which it is due.
func (s *shop) buy(t *testing.T, customers []*shoptest.Client, product string) phase {
	t.Helper()
	p := phase{from: time.Now(), orders: make([]sample, int(forkPhase/time.Second)*ordersPerSecond)}
	before := s.processorTime()
	group, ctx := errgroup.WithContext(t.Context())
	for i := range p.orders {
		due := p.from.Add(time.Duration(i+1) * time.Second / ordersPerSecond)
		<-time.After(time.Until(due))
		group.Go(func() error {
			err := order(ctx, customers[i%len(customers)], product)
			p.orders[i] = sample{due: due, took: time.Since(due)}
			return err
		})
	}
	require.NoError(t, group.Wait())
	p.to, p.processor = time.Now(), s.processorTime()-before
	return p
}

func order(ctx context.Context, customer *shoptest.Client, product string) error {
	_, err := customer.Expect(ctx, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1))
	return err
}

func (s *shop) processorTime() (sum time.Duration) {
	for _, node := range nodes() {
		sum += processor.Time(s.stack.Process(node).PID())
	}
	return sum
}

// forks reads from the nodes' logs, which have milliseconds, when they had a child.
func (s *shop) forks(t *testing.T) (all []fork) {
	t.Helper()
	for _, node := range nodes() {
		log, err := os.Open(s.stack.Process(node).LogPath())
		require.NoError(t, err)
		var open *fork
		for lines := bufio.NewScanner(log); lines.Scan(); {
			line := lines.Text()
			begins := strings.Contains(line, "Background saving started by pid") ||
				strings.Contains(line, "Background append only file rewriting started by pid")
			ends := strings.Contains(line, "Background saving terminated") || strings.Contains(line, "Background AOF rewrite terminated")
			switch {
			case begins:
				open = &fork{node: node, from: stamp(t, line)}
			case ends && open != nil:
				open.to = stamp(t, line)
				all, open = append(all, *open), nil
			}
		}
		require.NoError(t, log.Close())
	}
	require.NotEmpty(t, all)
	return all
}

// stamp is the time of a log line of Redis: PID:ROLE DAY MONTH YEAR TIME and the rest.
func stamp(t *testing.T, line string) time.Time {
	t.Helper()
	fields := strings.Fields(line)
	require.Greater(t, len(fields), 5, line)
	at, err := time.ParseInLocation("02 Jan 2006 15:04:05.000", strings.Join(fields[1:5], " "), time.Local)
	require.NoError(t, err, line)
	return at
}

// children is how many nodes have one at a moment.
func children(forks []fork, at time.Time) (n int) {
	for _, f := range forks {
		if !at.Before(f.from) && at.Before(f.to) {
			n++
		}
	}
	return n
}

// tellPhases prints what the phases of one way had, and gives the share of their time with two children or more.
func tellPhases(t *testing.T, way string, phases []phase, forks []fork) float64 {
	t.Helper()
	var orders []sample
	var used, lasted time.Duration
	shared, moments, begun := 0, 0, 0
	for _, p := range phases {
		orders, used = append(orders, p.orders...), used+p.processor
		for at := p.from; at.Before(p.to); at = at.Add(time.Millisecond) {
			moments++
			if children(forks, at) > 1 {
				shared++
			}
		}
		for _, f := range forks {
			if f.from.After(p.from) && f.from.Before(p.to) {
				begun++
				lasted += f.to.Sub(f.from)
			}
		}
	}
	share := float64(shared) / float64(moments)
	t.Logf("%s: %d forks of %v in the mean, %.2f %% of the time with two or three; %s; processor time of the servers %v an order",
		way, begun, (lasted / time.Duration(max(begun, 1))).Round(time.Millisecond), 100*share, latencies(orders), (used / time.Duration(len(orders))).Round(time.Microsecond))
	return share
}

// tellByChildren prints how long orders took by how many nodes had a child when they were due. Orders of the same phases are
// compared, because a machine's other work changes from phase to phase.
func tellByChildren(t *testing.T, phases []phase, forks []fork) {
	t.Helper()
	var by [4][]sample
	for _, p := range phases {
		for _, o := range p.orders {
			n := children(forks, o.due)
			by[n] = append(by[n], o)
		}
	}
	for n, orders := range by {
		if len(orders) > 0 {
			t.Logf("  nodes with a child: %d: %s", n, latencies(orders))
		}
	}
}

func latencies(orders []sample) string {
	took := make([]time.Duration, len(orders))
	var sum time.Duration
	for i, o := range orders {
		took[i], sum = o.took, sum+o.took
	}
	slices.Sort(took)
	at := func(percent int) time.Duration { return took[(len(took)-1)*percent/100].Round(100 * time.Microsecond) }
	return fmt.Sprintf("%d orders, mean %v, p50 %v, p99 %v", len(took),
		(sum / time.Duration(len(took))).Round(100*time.Microsecond), at(50), at(99))
}
