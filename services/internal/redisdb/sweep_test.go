package redisdb

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// The sweeps show that the acknowledgement rule holds at the moments where
// Sentinel has just given a primary up, or is just about to. The short form has
// the points where a weaker rule fails; SWEEP=1 runs all of them (docs/sweep.md).

// step is the distance of two points of a sweep, rounds how often each is run.
const (
	step   = 250 * time.Millisecond
	rounds = 3
)

// mishap is what happens to a primary, and for how long.
type mishap struct {
	name   string
	begin  func(*stack.Process) error
	finish func(*stack.Process) error
}

func frozen() mishap {
	return mishap{"frozen", (*stack.Process).Pause, (*stack.Process).Resume}
}

func killed() mishap {
	return mishap{"killed and restarted", (*stack.Process).Kill, (*stack.Process).Launch}
}

func whole() bool { return os.Getenv("SWEEP") != "" }

func TestSweepOfAFrozenPrimaryLosesNothing(t *testing.T) {
	sweep(t, frozen(), step, 3*step, 5*step)
}

func TestSweepOfAPrimaryKilledAndRestartedLosesNothing(t *testing.T) {
	sweep(t, killed(), -3*step, -2*step, step)
}

// sweep runs the points of the short form, given as distances from down-after,
// or all of them three times.
func sweep(t *testing.T, m mishap, short ...time.Duration) {
	t.Helper()
	if whole() {
		short = everyPoint(rounds)
	} else {
		t.Parallel()
	}
	a, sum := newArena(t, nil), &sweepTally{rule: "the whole rule", mishap: m.name}
	for _, point := range short {
		// Each is a test of its own, so that one that fails does not end the sweep.
		t.Run(fmt.Sprint(a.downAfter(t)+point), func(t *testing.T) {
			o := a.run(t, m, a.downAfter(t)+point)
			sum.add(t, o)
			require.Zero(t, o.lost, "acknowledged and lost")
			require.Zero(t, o.doubled, "made twice")
		})
	}
	sum.end(t)
}

// The control: were it green, the sweeps above would prove nothing. The short
// form ends with the first loss.
func TestSweepWithPlainWaitLosesAcknowledgedWrites(t *testing.T) {
	points := []time.Duration{3 * step, step, 2 * step, 4 * step, 5 * step, 3 * step, 2 * step, 4 * step}
	mishaps := []mishap{frozen()}
	if whole() {
		points, mishaps = everyPoint(1), append(mishaps, killed())
	} else {
		t.Parallel()
	}
	a, lost := newArena(t, plainWait), 0
	for _, m := range mishaps {
		sum := &sweepTally{rule: "plain WAIT 1", mishap: m.name}
		for _, point := range points {
			sum.add(t, a.run(t, m, a.downAfter(t)+point))
			if sum.lost > 0 && !whole() {
				break
			}
		}
		sum.end(t)
		lost += sum.lost
	}
	require.Positive(t, lost, "plain WAIT 1 lost nothing: the load does not meet the moment that the rule is for")
}

// everyPoint is D-1 s to D+2 s, as distances from D.
func everyPoint(times int) (points []time.Duration) {
	for point := -time.Second; point <= 2*time.Second; point += step {
		for range times {
			points = append(points, point)
		}
	}
	return points
}

// sweepOutcome is what became of one run.
type sweepOutcome struct {
	after                        time.Duration
	acked, failed, lost, doubled int
	failover                     bool
	gap                          time.Duration
}

// run lets the mishap last for that long under full load, and sees what is left.
func (a *arena) run(t *testing.T, m mishap, lasting time.Duration) sweepOutcome {
	t.Helper()
	before := a.whole(t)
	primary := a.Process(before)
	l := a.startLoad(t)
	l.awaitSince(t, time.Now().Add(200*time.Millisecond))

	require.NoError(t, m.begin(primary))
	<-time.After(lasting)
	require.NoError(t, m.finish(primary))
	// Long enough for what the two sides of the failover did to each other.
	l.awaitSince(t, time.Now().Add(1500*time.Millisecond))
	l.end()

	o := sweepOutcome{after: lasting, failover: a.whole(t) != before, gap: l.gap()}
	o.acked, o.failed = l.count()
	o.lost, o.doubled = l.audit(t, a.dbs[0])
	return o
}

// sweepTally sums up runs and prints each; with SWEEP=1 on the standard output,
// for docs/sweep.md.
type sweepTally struct {
	rule, mishap                                  string
	runs, failovers, acked, failed, lost, doubled int
	gap                                           time.Duration
}

func (sum *sweepTally) add(t *testing.T, o sweepOutcome) {
	t.Helper()
	sum.runs++
	if o.failover {
		sum.failovers++
	}
	sum.acked, sum.failed, sum.lost, sum.doubled = sum.acked+o.acked, sum.failed+o.failed, sum.lost+o.lost, sum.doubled+o.doubled
	sum.gap = max(sum.gap, o.gap)
	say(t, fmt.Sprintf("%s, %s for %.2f s: failover %-5v acknowledged %5d, lost %d, doubled %d, unanswered %d; no writes for %.1f s",
		sum.rule, sum.mishap, o.after.Seconds(), o.failover, o.acked, o.lost, o.doubled, o.failed, o.gap.Seconds()))
}

func (sum *sweepTally) end(t *testing.T) {
	t.Helper()
	say(t, fmt.Sprintf("%s, %s: %d runs, %d with a failover; %d writes acknowledged, %d of these lost, %d doubled; %d unanswered; no writes for %.1f s at most",
		sum.rule, sum.mishap, sum.runs, sum.failovers, sum.acked, sum.lost, sum.doubled, sum.failed, sum.gap.Seconds()))
}

func say(t *testing.T, line string) {
	t.Helper()
	if whole() {
		fmt.Println(line)
		return
	}
	t.Log(line)
}
