package migrations

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
)

func TestACopyBringsEveryProductIntoTheNewForm(t *testing.T) {
	db := open(t)
	for i := range 100 {
		store(t, i, 1)
	}
	order(t, "HSET", redisdb.KeyProduct(id(7)), "updated", "1") // an older program has changed it since
	order(t, "DEL", redisdb.KeyProduct(id(9)))
	r := quick(t, db, "api-1", All()...)
	r.Start()
	awaitCopied(t)
	for i := range 100 {
		if i != 9 {
			requireUpdated(t, i, 1)
		}
	}
	require.Equal(t, "0", order(t, "EXISTS", redisdb.KeyProduct(id(9))), "what was deleted stays so")
	require.Equal(t, []int64{100, 99}, []int64{progress(t).Seen, progress(t).Changed})
	require.Equal(t, "1", order(t, "GET", redisdb.KeySchema()), "no layout comes into force by a copy")
	r.Stop()
	require.Equal(t, "0", order(t, "EXISTS", redisdb.KeyMigrationLease()), "the lease is given back")
}

// watched is migration 1 with something that happens before each plan and after it.
func watched(before func(cursor string), after func(Batch)) Migration {
	m := productUpdated()
	plan := m.Plan
	m.Plan = func(ctx context.Context, db Database, cursor string) (Batch, error) {
		before(cursor)
		batch, err := plan(ctx, db, cursor)
		after(batch)
		return batch, err
	}
	return m
}

func TestTwoReplicasDoNotCopyAtOnce(t *testing.T) {
	db := open(t)
	for i := range 400 {
		store(t, i, 1)
	}
	var working, most, plans atomic.Int64
	for _, name := range []string{"api-1", "api-2", "api-3"} {
		var first sync.Once
		r := quick(t, db, name, watched(func(string) {
			first.Do(func() { working.Add(1) })
			plans.Add(1)
			if now := working.Load(); now > most.Load() {
				most.Store(now)
			}
		}, func(Batch) {}))
		r.Start()
	}
	awaitCopied(t)
	require.EqualValues(t, 1, most.Load(), "replicas that have copied")
	require.EqualValues(t, 13, plans.Load(), "batches of 32, none of them twice")
	require.EqualValues(t, 400, progress(t).Seen)
}

// A replica that is killed or frozen between a plan and its script: another one goes
// on from the recorded cursor once the lease has ended, and the script that comes late
// changes nothing.
func TestAnotherReplicaGoesOnFromTheCursorWhenOneIsFrozen(t *testing.T) {
	db := open(t)
	for i := range 100 {
		store(t, i, 1)
	}
	frozen, wake := make(chan struct{}), make(chan struct{})
	first := quick(t, db, "api-1", watched(func(string) {}, func(b Batch) {
		if b.Cursor == id(36) { // the second of four batches
			close(frozen)
			<-wake
		}
	}))
	first.Start()
	<-frozen
	require.Equal(t, id(68), progress(t).Cursor)

	var mutex sync.Mutex
	var cursors []string
	second := quick(t, db, "api-2", watched(func(cursor string) {
		mutex.Lock()
		defer mutex.Unlock()
		cursors = append(cursors, cursor)
	}, func(Batch) {}))
	second.Start()
	awaitCopied(t)
	mutex.Lock()
	require.Equal(t, []string{id(68), id(36), id(4)}, cursors)
	mutex.Unlock()
	done := order(t, "HGET", redisdb.KeyMigrations(), "1")
	store(t, 40, 2) // an older program changes one of the batch that was held up
	close(wake)
	first.Stop()
	require.Equal(t, done, order(t, "HGET", redisdb.KeyMigrations(), "1"))
	requireUpdated(t, 40, 1)
}

func TestAProductThatChangesBetweenPlanAndScriptIsPlannedAnew(t *testing.T) {
	db := open(t)
	for i := range 40 {
		store(t, i, 1)
	}
	plans := 0
	quick(t, db, "api-1", watched(func(string) {}, func(Batch) {
		if plans++; plans == 1 {
			store(t, 39, 2)
		}
	})).Start()
	awaitCopied(t)
	requireUpdated(t, 39, 2)
	requireUpdated(t, 38, 1)
	require.Equal(t, 3, plans, "the first batch twice")
}

func TestAProductThatIsDeletedBetweenPlanAndScriptIsNotMadeAgain(t *testing.T) {
	db := open(t)
	store(t, 1, 1)
	store(t, 2, 1)
	quick(t, db, "api-1", watched(func(string) {}, func(Batch) { order(t, "DEL", redisdb.KeyProduct(id(2))) })).Start()
	awaitCopied(t)
	require.Equal(t, "0", order(t, "EXISTS", redisdb.KeyProduct(id(2))))
	requireUpdated(t, 1, 1)
}

func TestACopyThatIsRecordedAsDoneIsNotDoneAgainByAReplica(t *testing.T) {
	db := open(t)
	store(t, 1, 1)
	one := quick(t, db, "api-1", All()...)
	require.NoError(t, one.round(t.Context()))
	store(t, 2, 1)
	require.NoError(t, one.round(t.Context()))
	require.Empty(t, order(t, "HGET", redisdb.KeyProduct(id(2)), "updated"), "finish-upgrade repeats it")
}

func TestTheNumbersOfMigrationsAreUniqueAndInOrder(t *testing.T) {
	var numbers []int
	for _, m := range All() {
		numbers = append(numbers, m.Number)
	}
	require.True(t, slices.IsSorted(numbers))
	require.Len(t, slices.Compact(slices.Clone(numbers)), len(numbers))
}

func TestAMigrationsScriptChangesNothingWithoutTheLeaseOrFromAnotherRecord(t *testing.T) {
	db := open(t)
	store(t, 1, 1)
	m := productUpdated()
	r := quick(t, db, "api-1", m)
	batch, err := m.Plan(t.Context(), db, "")
	require.NoError(t, err)
	for _, row := range []struct {
		holder, recorded string
		code             int
	}{
		{"api-2/other", "", codeLeaseLost},
		{r.holder, `{"state":"copied"}`, codeOtherRecord},
	} {
		order(t, "DEL", redisdb.KeyMigrations())
		order(t, "SET", redisdb.KeyMigrationLease(), row.holder)
		if row.recorded != "" {
			order(t, "HSET", redisdb.KeyMigrations(), "1", row.recorded)
		}
		_, code, err := r.commit(t.Context(), m, m.Copy, "", Record{State: Copied}, batch)
		require.ErrorIs(t, err, errLeaseLost)
		require.Equal(t, row.code, code)
		require.Equal(t, row.recorded, order(t, "HGET", redisdb.KeyMigrations(), "1"))
		require.Empty(t, order(t, "HGET", redisdb.KeyProduct(id(1)), "updated"))
	}
	order(t, "DEL", redisdb.KeyMigrations())
	_, code, err := r.commit(t.Context(), m, m.Copy, "", Record{State: Copied}, batch)
	require.NoError(t, err)
	require.Equal(t, codeDone, code)
	requireUpdated(t, 1, 1)
}
