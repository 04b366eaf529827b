package migrations

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
)

// cut is a database whose commits end with an error after a number of them; the last
// one is carried out or not.
type cut struct {
	Database
	left      int
	carryLast bool
}

var errCut = errors.New("cut off")

func (c *cut) Commit(ctx context.Context, cmd redisdb.Command) (redisdb.Result, error) {
	if c.left--; c.left > 0 {
		return c.Database.Commit(ctx, cmd)
	}
	if c.left == 0 && c.carryLast {
		_, _ = c.Database.Commit(ctx, cmd)
	}
	return redisdb.Result{}, errCut
}

// withContract is migration 1 with a contract step: it deletes an old list.
func withContract() Migration {
	m := productUpdated()
	m.Contract = NewCopy("migration.test_contract", "redis.call('HDEL', keys[2], 'old')\nreturn record(0)")
	return m
}

func quiet(string, ...any) {}

// commitsOfFinish is how many commits Finish needs for a batch: the lease, the mark, the
// batch, the contract and the layout.
const commitsOfFinish = 5

func TestFinishMayBeCutOffAtEveryCommitAndIsThenRepeated(t *testing.T) {
	for _, carry := range []bool{false, true} {
		for commits := 1; commits <= commitsOfFinish; commits++ {
			db := open(t)
			store(t, 1, 1)
			order(t, "HSET", redisdb.KeyMigrations(), "old", "form")
			all := []Migration{withContract()}
			err := Finish(t.Context(), &cut{Database: db, left: commits, carryLast: carry}, all, 2, "first", quiet)
			require.ErrorIs(t, err, errCut)
			if !carry || commits < commitsOfFinish {
				require.Equal(t, "1", order(t, "GET", redisdb.KeySchema()), "the layout is the last step")
			}
			require.NoError(t, Finish(t.Context(), db, all, 2, "second", quiet))
			requireUpdated(t, 1, 1)
			require.Equal(t, Contracted, progress(t).State)
			require.Equal(t, "2", order(t, "GET", redisdb.KeySchema()))
			require.Empty(t, order(t, "HGET", redisdb.KeyMigrations(), "old"))
			require.Equal(t, "0", order(t, "EXISTS", redisdb.KeyMigrationLease()))
		}
	}
}

func TestFinishRepeatsTheCopyOfWhatAnOlderProgramWroteSince(t *testing.T) {
	db := open(t)
	for i := range 70 {
		store(t, i, 1)
	}
	require.NoError(t, quick(t, db, "api-1", All()...).round(t.Context()))
	for i := range 70 {
		requireUpdated(t, i, 1)
	}
	store(t, 3, 2)  // the older program changes one
	store(t, 70, 1) // and creates one
	require.NoError(t, Finish(t.Context(), db, All(), 2, "finish", quiet))
	requireUpdated(t, 3, 2)
	requireUpdated(t, 70, 1)
	p, err := Read(t.Context(), db, All())
	require.NoError(t, err)
	require.Equal(t, 2, p.Layout)
	require.Equal(t, []int64{71, 2}, []int64{p.Records[0].Seen, p.Records[0].Changed})
}

func TestFinishTakesTheLeaseFromTheReplicaThatCopies(t *testing.T) {
	db := open(t)
	for i := range 100 {
		store(t, i, 1)
	}
	held, free := make(chan struct{}), make(chan struct{})
	once := false
	replica := quick(t, db, "api-1", watched(func(string) {
		if !once {
			once = true
			close(held)
			<-free
		}
	}, func(Batch) {}))
	ended := make(chan error)
	go func() { ended <- replica.round(t.Context()) }()
	<-held
	require.NoError(t, Finish(t.Context(), db, All(), 2, "finish", quiet))
	close(free)
	require.ErrorIs(t, <-ended, errLeaseLost)
	require.Equal(t, Contracted, progress(t).State)
}

func TestNoLayoutGoesBack(t *testing.T) {
	db := open(t)
	order(t, "SET", redisdb.KeySchema(), "3")
	require.ErrorContains(t, Finish(t.Context(), db, All(), 2, "finish", quiet), "layout 3 is in force")
	require.Equal(t, "3", order(t, "GET", redisdb.KeySchema()))
}
