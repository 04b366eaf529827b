//go:build drill

package products

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyAWeakProgramLosesUnknownMembersOfAStoredProduct(t *testing.T) {
	stored, err := body{ID: "1", Version: 2}.render()
	require.NoError(t, err)
	more := string(stored[:len(stored)-1]) + `,"later":{"a":1}}`
	require.Equal(t, more, remaining(more))
	t.Setenv("SHOP_WEAKNESS", "no-wait,"+membersDropped)
	require.JSONEq(t, string(stored), remaining(more))
	require.JSONEq(t, string(stored), remaining(string(stored)), "this version knows all that it writes")
}
