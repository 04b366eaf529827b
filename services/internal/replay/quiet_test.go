package replay_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/purchases"
	"evergreen/services/internal/replay"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
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
		before := contents(t, s)
		require.Equal(t, out, requireReal(t, s, nil))
		require.Equal(t, before, contents(t, s))
	})
	t.Run("an invoice of more lines than a purchase may have", func(t *testing.T) {
		var text strings.Builder
		text.WriteString(header)
		for i := range purchases.MaxLines + 5 {
			fmt.Fprintf(&text, "700001,02%04d,BUTTON NUMBER %d,1,d,0.10,20001,France\n", i, i)
		}
		fmt.Fprintf(&text, "C700002,02%04d,BUTTON,-1,d,0.10,20001,France\n", purchases.MaxLines)
		path := written(t, text.String())
		for range 2 {
			out, notes, err := attempt(t.Context(), s, replay.Options{Path: path})
			require.NoError(t, err, "%s\n%s", out, notes)
			require.Equal(t, "adds up: 1006 lines = 1005 sold + 1 refunded + 0 adjusted + 0 both + 0 rejected; "+
				"2 of 2 purchases, 1005 of 1005 ledgers agree", lastLine(out))
		}
	})
	t.Run("what is not as the file says is told", func(t *testing.T) {
		text, err := os.ReadFile(smallFile)
		require.NoError(t, err)
		changed := strings.Replace(string(text), "600003,01004,\"TRAY, OAK, SMALL\",4,", "600003,01004,\"TRAY, OAK, SMALL\",5,", 1)
		changed += "600022,01016,HARBOUR PRINT,1,d,9.5,20001,France\nC600023,01004,TRAY,-1,d,12.75,20002,France\n"
		out, notes, err := attempt(t.Context(), s, replay.Options{Path: written(t, changed)})
		require.ErrorIs(t, err, replay.ErrDiffers)
		texttest.Contains(t, notes, "refused: POST /v1/purchases/", "of the four trays that were sold none is left to refund")
		texttest.Contains(t, out, "\ninvoice 600003: the total is ")
		texttest.Contains(t, out, "\ninvoice 600003: line 2 of the purchase is ")
		texttest.Contains(t, out, "\nproduct 01004: the ledger is {Initial:4 Adjusted:0 Sold:4 Returned:4 Stock:4}, not {Initial:5 ")
		require.Regexp(t, `^DOES NOT ADD UP, 3 differences: 64 lines = .* 9 of 9 purchases, 14 of 15 ledgers agree$`, lastLine(out))
	})
}

// written makes a file of invoices.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "invoices.csv")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
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
