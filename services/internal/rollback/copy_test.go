package rollback

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/stack"
)

// seed writes products as a program of layout 1 does.
const seed = `for i = 1, tonumber(ARGV[1]) do
  local id = string.format('00000000-0000-7000-8000-%012d', i)
  redis.call('HSET', 'evg:product:' .. id, 'version', '1', 'stock', '1', 'body', '{"id":"' .. id .. '","updated_at":"2026-01-01T00:00:00.000Z"}')
  redis.call('ZADD', 'evg:products', 0, id)
end`

func TestWhenTheCopyingReplicaIsKilledTheOtherOneGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	const products = 2000
	s := stack.StartT(t, stack.Options{Settings: fromLayout1()})
	awaitCopied(t, s)
	onPrimary(t, s, "EVAL", seed, "0", "2000")
	onPrimary(t, s, "DEL", redisdb.KeyMigrations())
	require.Eventually(t, func() bool { return record(t, s).Seen > 100 }, generous, 10*time.Millisecond)
	copying, _, _ := strings.Cut(record(t, s).By, "/")
	require.NoError(t, s.Process(copying).Kill())
	killed := record(t, s)
	require.Equal(t, "copying", killed.State)
	awaitCopied(t, s)
	done := record(t, s)
	other, _, _ := strings.Cut(done.By, "/")
	require.NotEqual(t, copying, other)
	require.EqualValues(t, products, done.Seen, "no object was looked at twice")
	for _, id := range []string{"00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000002000"} {
		require.Equal(t, "1767225600000", onPrimary(t, s, "HGET", redisdb.KeyProduct(id), "updated"))
	}
}
