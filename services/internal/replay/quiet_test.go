package replay_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

func TestAFileIsSoldAndSellingItAgainChangesNothing(t *testing.T) {
	s := private(t, nil)
	requireSmall(t, s, nil)
	before := contents(t, s)

	t.Run("while the keys are remembered", func(t *testing.T) {
		requireSmall(t, s, nil)
		require.Equal(t, before, contents(t, s))
	})
	t.Run("when the keys are forgotten, as after a day", func(t *testing.T) {
		forget(t, s)
		requireSmall(t, s, nil)
		require.Equal(t, before, contents(t, s))
	})
	t.Run("a real shop's invoices", func(t *testing.T) {
		out := requireReal(t, s, nil)
		t.Log(out)
		before := contents(t, s)
		require.Equal(t, out, requireReal(t, s, nil))
		require.Equal(t, before, contents(t, s))
	})
}

// primary gives the name of the node that has the newest data.
func primary(t *testing.T, s *stack.Stack) string {
	t.Helper()
	name, err := s.Primary(t.Context())
	require.NoError(t, err)
	return name
}

// contents sums up all that a replay may change: users, products with their
// ledgers, purchases, adjustments; version, status and all.
func contents(t *testing.T, s *stack.Stack) string {
	t.Helper()
	const script = `
		local all = {}
		local function add(key, value)
			if type(value) == 'string' then all[#all + 1] = key .. ' ' .. value return end
			for i = 1, #value, 2 do all[#all + 1] = key .. ' ' .. value[i] .. ' ' .. value[i + 1] end
		end
		for _, kind in ipairs({ 'evg:user*', 'evg:product*', 'evg:purchase*', 'evg:reservations' }) do
			for _, key in ipairs(redis.call('KEYS', kind)) do
				local type = redis.call('TYPE', key).ok
				if type == 'string' then add(key, redis.call('GET', key)) end
				if type == 'hash' then add(key, redis.call('HGETALL', key)) end
				if type == 'zset' and not string.find(key, ':sessions', 1, true) then
					add(key, redis.call('ZRANGE', key, 0, -1, 'WITHSCORES'))
				end
			end
		end
		table.sort(all)
		return #all .. ' values, ' .. redis.sha1hex(table.concat(all, '\n'))`
	sum, err := s.Redis(t.Context(), primary(t, s), "EVAL", script, "0")
	require.NoError(t, err)
	return sum
}

// forget removes the outcomes of all requests.
func forget(t *testing.T, s *stack.Stack) {
	t.Helper()
	const script = `
		local all = redis.call('KEYS', 'evg:request:*')
		for _, key in ipairs(all) do redis.call('DEL', key) end
		return #all`
	n, err := s.Redis(t.Context(), primary(t, s), "EVAL", script, "0")
	require.NoError(t, err)
	require.NotEqual(t, "0", n)
}
