package purchases

import (
	"os"
	"runtime"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// heapBytes is what this program's objects take now.
func heapBytes() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func TestThePageSaysWhatTheWatchOfReservedStockTakes(t *testing.T) {
	before := heapBytes()
	w := NewReservedWatch(nil, nil)
	for range 2 * reservedProducts {
		w.count(Item{ProductID: uuid.NewString(), Quantity: 1})
	}
	grown := (heapBytes() - before) / (1 << 20)
	require.Len(t, w.reserved, reservedProducts)
	t.Logf("%.1f MiB", grown)
	page, err := os.ReadFile("../../../docs/capacity.md")
	require.NoError(t, err)
	documented := texttest.Figure(t, string(page), "watch of reserved stock")
	require.InDelta(t, documented, grown, documented*0.35)
}
