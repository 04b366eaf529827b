package redisdb

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/netfault"
)

func TestAGroupTakesTheFirstInTheQueueThatGoTogether(t *testing.T) {
	many := func(n, size, fits int) []*item {
		items := make([]*item, n)
		for i := range items {
			items[i] = &item{size: size, fits: fits}
		}
		return items
	}
	for _, row := range []struct {
		name    string
		waiting [][]*item
		limit   int
		want    int
	}{
		{"all there are", [][]*item{many(5, 3, maxGroup)}, maxGroup, 5},
		{"not more than ride in one group", [][]*item{many(500, 3, maxGroup)}, maxGroup, maxGroup},
		{"not more than are dared after a failure", [][]*item{many(500, 3, maxGroup)}, 16, 16},
		{"not more arguments than a group may have", [][]*item{many(500, maxArguments/4, maxGroup)}, maxGroup, 4},
		{"one that is larger than a group may be", [][]*item{many(2, maxArguments+1, maxGroup)}, maxGroup, 1},
		{"up to one that is larger", [][]*item{many(3, 1, maxGroup), many(1, maxArguments, maxGroup)}, maxGroup, 3},
		{"one under suspicion rides alone", [][]*item{many(1, 3, 1), many(5, 3, maxGroup)}, maxGroup, 1},
		{"and nobody takes it along", [][]*item{many(4, 3, maxGroup), many(1, 3, 1)}, maxGroup, 4},
		{"suspects ride in few", [][]*item{many(40, 3, 32)}, maxGroup, 32},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := &committer{limit: row.limit, most: maxGroup, reads: newReadQueue()}
			for _, items := range row.waiting {
				c.waiting = append(c.waiting, items...)
			}
			all := len(c.waiting)
			require.Len(t, c.next(), row.want)
			require.Len(t, c.waiting, all-row.want)
		})
	}
}

// neighbours commit one write each, many at once, and again until done; they tell
// how many that were, and the longest time that one of them took.
func neighbours(t *testing.T, db *DB, key string, done func() bool) (count int, longest time.Duration) {
	t.Helper()
	const writers = 150
	for !done() {
		for _, e := range commitAll(t, db, counts(unique(key), writers)) {
			require.NoError(t, e.err)
			require.Equal(t, 0, e.result.Code)
			longest = max(longest, e.took)
		}
		count += writers
	}
	return count, longest
}

func TestACommandThatBreaksItsConnectionEachTimeDoesNotSinkItsNeighbours(t *testing.T) {
	for _, row := range []struct {
		name     string
		kind     netfault.Kind
		deadline time.Duration
		bound    time.Duration // for any of its neighbours
	}{
		{"by an end of the connection", netfault.LoseReply, 4 * time.Second, 2 * time.Second},
		{"by a reply that nobody can read", netfault.GarbleReply, 4 * time.Second, 2 * time.Second},
		{"by silence", netfault.KeepReply, generous, generous},
	} {
		t.Run(row.name, func(t *testing.T) {
			db, proxy := proxied(t, row.deadline)
			poison := unique("poison")
			proxy.Set(netfault.Fault{Kind: row.kind, Match: poison})
			poisoned := make(chan ending, 1)
			go func() { poisoned <- commitAll(t, db, counts(poison, 1))[0] }()
			count, longest := neighbours(t, db, "counter", func() bool { return len(poisoned) > 0 })
			require.Less(t, longest, row.bound)
			t.Logf("%d neighbours of one that breaks each time; the slowest took %s", count, longest)

			end := <-poisoned
			require.ErrorIs(t, end.err, ErrOutcomeUnknown)
			require.Less(t, end.took, row.deadline+grace)
			require.Equal(t, "1", ask(t, "GET", poison), "it was done all the same, and once")
		})
	}
}

func TestAnAnswerThatMakesNoSenseIsADefectAndHurtsNobodyElse(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	senseless := NewScript("test.senseless", `return 'what?'`).Command(request(unique("request")), "tester", nil)
	endings := commitAll(t, db, append(counts(key, 20), senseless))
	for _, e := range endings[:20] {
		require.NoError(t, e.err)
	}
	last := endings[20]
	require.ErrorContains(t, last.err, "a script answered")
	require.Less(t, last.took, time.Second)
	require.Equal(t, "20", ask(t, "GET", key))
}

// Heavy writes are as large as a purchase of 1,000 lines; each is a good part of
// what a group may hold.
func TestLargeWritesDoNotKeepTheSmallOnesBeyondTheirDeadline(t *testing.T) {
	const heavy = 60
	db := open(t, generous)
	big, small := unique("heavy"), unique("counter")
	arguments := make([]any, 8000)
	for i := range arguments {
		arguments[i] = i
	}
	arguments[0] = 1_000_000
	commands := counts(small, 60)
	for i := range heavy {
		commands = append(commands, countScript.Command(request(big+number(i)), "tester", []string{big}, arguments...))
	}
	for _, e := range commitAll(t, db, commands) {
		require.NoError(t, e.err)
		require.Less(t, e.took, generous)
	}
	require.Equal(t, number(heavy), ask(t, "GET", big))
	require.Equal(t, "60", ask(t, "GET", small))
}

func TestWhileAGroupHangsTheQueueStaysBoundedAndNobodyWaitsInVain(t *testing.T) {
	const deadline = 300 * time.Millisecond
	db, proxy := proxied(t, deadline)
	stuck, key := unique("counter"), unique("counter")
	proxy.Set(netfault.Fault{Kind: netfault.KeepReply, Match: stuck, Times: 1})
	first := make(chan ending, 1)
	go func() { first <- commitAll(t, db, counts(stuck, 1))[0] }()
	require.Eventually(t, func() bool { return proxy.Struck() == 1 }, generous, time.Millisecond)

	for range 2 {
		for _, e := range commitAll(t, db, counts(key, maxHeld)) {
			require.Less(t, e.took, deadline+grace)
			require.True(t, faultIs(e.err, ErrBusy) || faultIs(e.err, ErrUnavailable), "%v", e.err)
		}
		require.LessOrEqual(t, len(db.committer.arrivals), maxHeld)
	}
	require.ErrorIs(t, (<-first).err, ErrOutcomeUnknown)
	awaitCommit(t, db)
	require.Empty(t, ask(t, "GET", key), "what was given up unsent is never sent")
}

func TestHeldWritesAreCountedWhileTheyAreHeld(t *testing.T) {
	db, proxy := proxied(t, generous)
	key := unique("counter")
	held := func() float64 { return valuesOf(t, collector{db}, "shop_commit_held_writes")[""] }
	proxy.Set(netfault.Fault{Kind: netfault.KeepReply, Match: key, Times: 1})
	done := make(chan []ending, 1)
	go func() { done <- commitAll(t, db, counts(key, 30)) }()
	require.Eventually(t, func() bool { return held() >= 30 }, generous, time.Millisecond)
	proxy.Heal()
	for _, e := range <-done {
		require.NoError(t, e.err)
	}
	require.Eventually(t, func() bool { return held() <= 1 }, generous, time.Millisecond, "but for a heartbeat")
}
