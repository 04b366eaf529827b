package boot_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The short form lets every situation happen once. SWEEP=1 combines each with
// every order of the nodes: see docs/boot-sweep.md.
func TestSweepOfWholeClusterKills(t *testing.T) {
	if sweeping() {
		c := start(t)
		total := &tally{}
		for run := range len(situations()) * len(orders()) {
			t.Run(fmt.Sprintf("run %d", run+1), func(t *testing.T) {
				o := c.run(t, run)
				total.add(o)
				o.require(t)
			})
		}
		fmt.Println(total)
		return
	}
	t.Parallel()
	// Two clusters share the work, or the test would take twice as long.
	for half := range 2 {
		t.Run(fmt.Sprintf("cluster %d", half+1), func(t *testing.T) {
			t.Parallel()
			c := start(t)
			for i := half; i < len(situations()); i += 2 {
				c.run(t, i).require(t)
			}
		})
	}
}

// sweeping is for who reads the lines of a long run as they come.
func sweeping() bool { return os.Getenv("SWEEP") != "" }

// run lets one situation happen and prints how it went. Its number chooses the
// situation, the order of the nodes and how many are left behind, so that 36 runs
// meet every situation with every order.
func (c *cluster) run(t *testing.T, number int) outcome {
	t.Helper()
	round, which := number/len(situations()), number%len(situations())
	s, order := situations()[which], orders()[(round+which)%len(orders())]
	frozen := (round + 2*which) % freezings
	o := c.killAll(t, s, order, frozen)
	line := fmt.Sprintf("run %2d  %-54s order %s  frozen %-4s  %s -> %s  acknowledged %5d of %5d, lost %d  back %5.1fs  two primaries %.1fs",
		number+1, s.name, short(order), freezing(frozen), short([]string{o.before}), short([]string{o.after}),
		o.acked, o.written, o.lost, o.back.Seconds(), o.two.Seconds())
	if sweeping() {
		fmt.Println(line)
	} else {
		t.Log(line)
	}
	return o
}

// require demands what was promised.
func (o outcome) require(t *testing.T) {
	t.Helper()
	require.Zero(t, o.lost, "acknowledged writes were lost")
	require.Less(t, o.back, backLimit, "until writes were kept again")
	require.Less(t, o.two, twoLimit, "two nodes were primary for so long")
}

func short(names []string) string {
	return strings.ReplaceAll(strings.Join(names, ","), "redis-", "")
}

// tally sums up outcomes.
type tally struct {
	runs, failovers      int
	acked, written, lost int64
	back, two            time.Duration
}

func (sum *tally) add(o outcome) {
	sum.runs++
	if o.before != o.after {
		sum.failovers++
	}
	sum.acked += o.acked
	sum.written += o.written
	sum.lost += o.lost
	sum.back = max(sum.back, o.back)
	sum.two = max(sum.two, o.two)
}

// String is the last line of a sweep.
func (sum *tally) String() string {
	return fmt.Sprintf("whole-cluster kills: %d runs, %d with another primary afterwards; %d writes, %d acknowledged, %d of these lost; "+
		"back after %.1f s at most, two primaries for %.1f s at most",
		sum.runs, sum.failovers, sum.written, sum.acked, sum.lost, sum.back.Seconds(), sum.two.Seconds())
}
