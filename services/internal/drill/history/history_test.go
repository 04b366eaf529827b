package history

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAHistoryIsTheSameAfterItWasKept(t *testing.T) {
	h := &History{
		Begin: time.Date(2026, 11, 22, 1, 2, 3, 4, time.UTC), Fault: "primary-crash", Variant: "2s", DownAfter: 2 * time.Second,
		Initial: map[string]Ledger{"p": {Initial: 5, Stock: 5, Version: 1}},
		Ops: []Op{
			{ID: 1, Logical: 1, Kind: Buy, Start: 1, End: 2, Lines: []Line{{Product: "p", Quantity: 2}}, Outcome: Unknown},
			{ID: 2, Logical: 2, Kind: ReadProduct, Start: 2, End: 3, Strength: Strong, Outcome: Done, Stock: 3},
			{ID: 3, Logical: 1, Kind: Buy, Start: 3, End: 4, Outcome: Refused, Short: map[string]int64{"p": 0}},
		},
		Events: []Event{{At: 1, What: Fault, Text: "redis-1"}},
		Audit:  Audit{Products: map[string]Ledger{"p": {Stock: 3}}, Purchases: []Purchase{{ID: "a", Lines: []Line{{Product: "p", Quantity: 2}}}}},
	}
	path := filepath.Join(t.TempDir(), "h.json.gz")
	require.NoError(t, h.Save(path))
	kept, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, h, kept)
	groups := kept.Logicals()
	require.Len(t, groups, 2)
	require.Equal(t, []int{1, 3}, []int{groups[0][0].ID, groups[0][1].ID})
	_, found := kept.First(Heal)
	require.False(t, found)
}
