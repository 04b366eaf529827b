package redisdb

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/netfault"
)

// waitingReads fills a queue with reads of one Reader, each of a caller of its own.
func waitingReads(t *testing.T, q *readQueue, r Reader, n, commands int) {
	t.Helper()
	for i := range n {
		_, err := q.enter(&item{size: commands, fits: maxGroup, deadline: time.Now().Add(time.Hour)}, r, fmt.Sprint(r, i))
		require.NoError(t, err)
	}
}

func TestAReaderHasPlacesOfItsOwnAndACallerSomeOfThem(t *testing.T) {
	q := newReadQueue()
	leaves := []func(){}
	enter := func(r Reader, caller string) error {
		leave, err := q.enter(&item{fits: maxGroup}, r, caller)
		if err == nil {
			leaves = append(leaves, leave)
		}
		return err
	}
	for range 32 {
		require.NoError(t, enter(ReaderAnonymous, "10.0.0.1"))
	}
	require.ErrorIs(t, enter(ReaderAnonymous, "10.0.0.1"), ErrReadsBusy, "the caller has its places")
	for i := range 500 - 32 {
		require.NoError(t, enter(ReaderAnonymous, fmt.Sprint("other ", i)))
	}
	require.ErrorIs(t, enter(ReaderAnonymous, "one more"), ErrReadsBusy, "the Reader has its places")
	require.NoError(t, enter(ReaderCustomer, "10.0.0.1"))
	for range 40 {
		require.NoError(t, enter(ReaderAdmin, "admin"), "an admin has all places of its Reader")
	}
	q.next(t, 1000)
	for _, leave := range leaves {
		leave()
	}
	for _, r := range queued() {
		require.Zero(t, q.holds(r))
		require.Empty(t, q.callers[r])
	}
	require.NoError(t, enter(ReaderAnonymous, "10.0.0.1"), "places are given back")
}

// next takes so many reads out of the queue.
func (q *readQueue) next(t *testing.T, n int) []*item {
	t.Helper()
	return q.join(nil, n, 1_000_000, maxGroup)
}

func TestAGroupTakesABoundedAmountOfReadsBehindItsWritesInTurnFromEachReader(t *testing.T) {
	for _, row := range []struct {
		name                       string
		writes, limit              int
		anonymous, customer, admin int
		commands                   int // of each read
		want                       map[Reader]int
	}{
		{"reads alone, up to a whole group", 0, 128, 500, 0, 0, 1, map[Reader]int{ReaderAnonymous: 128}},
		{"reads alone, up to 512 commands", 0, 128, 500, 0, 0, 100, map[Reader]int{ReaderAnonymous: 5}},
		{"one larger than all may be", 0, 128, 2, 0, 0, 1000, map[Reader]int{ReaderAnonymous: 1}},
		{"beside writes, up to 32", 128, 128, 500, 0, 0, 1, map[Reader]int{ReaderShop: 128, ReaderAnonymous: 32}},
		{"beside writes, up to 128 commands", 3, 128, 500, 0, 0, 100, map[Reader]int{ReaderShop: 3, ReaderAnonymous: 1}},
		{"each Reader has its turn", 5, 128, 500, 500, 4, 1,
			map[Reader]int{ReaderShop: 5, ReaderAnonymous: 14, ReaderCustomer: 14, ReaderAdmin: 4}},
		{"after a failure reads count as all that rides", 10, 16, 500, 0, 0, 1, map[Reader]int{ReaderShop: 10, ReaderAnonymous: 6}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := &committer{limit: row.limit, most: maxGroup, reads: newReadQueue()}
			for range row.writes {
				c.waiting = append(c.waiting, &item{size: 3, fits: maxGroup})
			}
			waitingReads(t, c.reads, ReaderAnonymous, row.anonymous, row.commands)
			waitingReads(t, c.reads, ReaderCustomer, row.customer, row.commands)
			waitingReads(t, c.reads, ReaderAdmin, row.admin, row.commands)
			got := map[Reader]int{}
			for i, it := range c.next() {
				got[it.reader]++
				require.Equal(t, i < row.writes, it.reader == ReaderShop, "writes come first")
			}
			require.Equal(t, row.want, got)
		})
	}
}

func TestReadsAreNotPassedOverTwiceWhileGroupsFail(t *testing.T) {
	c := &committer{limit: 4, most: maxGroup, reads: newReadQueue()}
	for range 40 {
		c.waiting = append(c.waiting, &item{size: 3, fits: maxGroup})
	}
	waitingReads(t, c.reads, ReaderAnonymous, 6, 1)
	kinds := ""
	for range 4 {
		group := c.next()
		require.Len(t, group, 4-len(kinds)/3*2, "%s", kinds)
		kinds += map[bool]string{true: "r", false: "w"}[group[0].reader == ReaderAnonymous]
	}
	require.Equal(t, "wrwr", kinds)
}

func TestASuspectReadTakesNoMoreNeighboursThanItMay(t *testing.T) {
	q := newReadQueue()
	waitingReads(t, q, ReaderAnonymous, 10, 1)
	for _, it := range q.waiting[ReaderAnonymous] {
		it.fits = 3
	}
	require.Len(t, q.join(nil, 100, 100, maxGroup), 3)
	require.Len(t, q.join(make([]*item, 5), 100, 100, maxGroup), 5, "five are in the group already")
	q.trust(maxGroup)
	require.Len(t, q.join(make([]*item, 5), 100, 100, maxGroup), 12)
}

// strongly reads a value many times at once, each time for another caller.
func strongly(t *testing.T, db *DB, r Reader, key string, n int) (values []string, errs []error) {
	t.Helper()
	values, errs = make([]string, n), make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			ctx := WithReading(context.Background(), Reading{Strong: true, Reader: r, Caller: fmt.Sprint("caller ", i)})
			values[i], errs[i] = db.Value(ctx, key)
		})
	}
	group.Wait()
	return values, errs
}

func TestOneConfirmationServesAllStrongReadsThatWait(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	commitValue(t, db, key)
	before := committedSeq(t)
	values, errs := strongly(t, db, ReaderAnonymous, key, 400)
	for i := range values {
		require.NoError(t, errs[i])
		require.Equal(t, "1", values[i])
	}
	require.Less(t, committedSeq(t)-before, int64(40), "400 reads in a few groups")
}

func TestAFloodOfStrongReadsTakesNoPlaceOfAWriteOrOfAnotherReader(t *testing.T) {
	db, proxy := proxied(t, generous)
	key, stuck := unique("counter"), unique("stuck")
	commitValue(t, db, key)
	proxy.Set(netfault.Fault{Kind: netfault.KeepReply, Match: stuck, Times: 1})
	go commitAll(t, db, counts(stuck, 1))
	require.Eventually(t, func() bool { return proxy.Struck() == 1 }, generous, time.Millisecond)
	flood := make(chan []error, 1)
	go func() {
		_, errs := strongly(t, db, ReaderAnonymous, key, 1500)
		flood <- errs
	}()
	require.Eventually(t, func() bool { return db.committer.reads.holds(ReaderAnonymous) == 500 }, generous, time.Millisecond)
	_, errs := strongly(t, db, ReaderAnonymous, key, 1)
	require.ErrorIs(t, errs[0], ErrReadsBusy)
	ended := make(chan error, 2)
	go func() { ended <- commitAll(t, db, counts(key, 1))[0].err }()
	go func() {
		_, errs := strongly(t, db, ReaderCustomer, key, 1)
		ended <- errs[0]
	}()
	require.Eventually(t, func() bool { return db.committer.reads.holds(ReaderCustomer) == 1 }, generous, time.Millisecond)
	proxy.Heal()
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
	busy := 0
	for _, err := range <-flood {
		if err != nil {
			require.ErrorIs(t, err, ErrReadsBusy)
			busy++
		}
	}
	require.GreaterOrEqual(t, busy, 900)
	require.GreaterOrEqual(t, read(t, db.metrics.refusals["anonymous"]), float64(busy))
}

func TestAStrongReadIsRefusedByItsLimitBeforeItTakesAPlace(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	commitValue(t, db, key)
	before := committedSeq(t)
	ctx := WithReading(t.Context(), Reading{Strong: true, Reader: ReaderAnonymous, Allow: func() error { return ErrBusy }})
	_, err := db.Value(ctx, key)
	require.ErrorIs(t, err, ErrBusy)
	require.LessOrEqual(t, committedSeq(t)-before, int64(1), "but for a heartbeat")
	value, err := db.Value(FromPrimary(ctx), key)
	require.NoError(t, err, "the shop's own reads have no limit")
	require.Equal(t, "1", value)
}

func TestAStrongReadOfManyHashesCountsAsManyCommands(t *testing.T) {
	sizes := make(chan int, 10)
	db := open(t, generous, func(db *DB) {
		exchange := db.committer.exchange
		db.committer.exchange = func(ctx context.Context, group []*item) (int64, int64, error) {
			for _, it := range group {
				if it.reader == ReaderAnonymous {
					sizes <- it.size
				}
			}
			return exchange(ctx, group)
		}
	})
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = unique("hash")
	}
	ctx := WithReading(t.Context(), Reading{Strong: true, Reader: ReaderAnonymous})
	require.NoError(t, db.EachHash(ctx, keys, []string{"field"}, func(int, Fields) (bool, error) { return true, nil }))
	require.Equal(t, 100, <-sizes)
	_, err := db.Hashes(ctx, keys, "field")
	require.NoError(t, err)
	require.Equal(t, 100, <-sizes)
}

func TestReadsThatATryLeftUndoneGoAgainInTheirQueueAndWritesInTheirs(t *testing.T) {
	c := &committer{limit: 10, most: maxGroup, reads: newReadQueue()}
	write, anonymous, customer := &item{}, &item{reader: ReaderAnonymous}, &item{reader: ReaderCustomer}
	waitingReads(t, c.reads, ReaderAnonymous, 1, 1)
	c.reads.back([]*item{write, anonymous, customer}, true)
	require.Same(t, anonymous, c.reads.waiting[ReaderAnonymous][0])
	require.Len(t, c.reads.waiting[ReaderAnonymous], 2)
	require.Equal(t, []*item{customer}, c.reads.waiting[ReaderCustomer])
	require.Empty(t, c.reads.waiting[ReaderShop])
	c.reads.back([]*item{anonymous}, false)
	require.Same(t, anonymous, c.reads.waiting[ReaderAnonymous][2])
}
