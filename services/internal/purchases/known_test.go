package purchases

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/money"
	"evergreen/services/internal/products"
	"evergreen/services/internal/texttest"
)

// shelf is a catalogue that counts how often it is read; what is not on it is the zero Product.
type shelf struct {
	name  string
	gone  map[string]bool
	reads int
}

func (s *shelf) Lookup(_ context.Context, ids []string) ([]products.Product, error) {
	s.reads++
	list := make([]products.Product, len(ids))
	for i, id := range ids {
		if !s.gone[id] {
			list[i] = products.Product{ID: id, Name: strings.Clone(s.name), Price: money.Money{Amount: 100, Currency: strings.Clone("EUR")}, Version: 1}
		}
	}
	return list, nil
}

func TestProductsAreReadOnceAndThoseThatAreGoneEachTime(t *testing.T) {
	from := &shelf{name: "Candle", gone: map[string]bool{"c": true}}
	k := newKnown(from)
	for _, row := range []struct {
		name  string
		ids   []string
		reads int
	}{
		{"two new ones", []string{"a", "b"}, 1},
		{"the same", []string{"b", "a"}, 1},
		{"one of them and one that is gone", []string{"a", "c"}, 2},
		{"the one that is gone", []string{"c"}, 3},
	} {
		found, err := k.lookup(t.Context(), row.ids)
		require.NoError(t, err)
		require.Equal(t, row.reads, from.reads, row.name)
		for i, id := range row.ids {
			require.Equal(t, from.gone[id], found[i].Version == 0, row.name)
		}
	}
	from.gone["a"] = true
	found, err := k.reread(t.Context(), []string{"a", "b"})
	require.NoError(t, err)
	require.Zero(t, found[0].Version, "read again, and not remembered")
	_, err = k.lookup(t.Context(), []string{"a"})
	require.NoError(t, err)
	require.Equal(t, 5, from.reads, "a product that is gone is forgotten")
}

func TestThePageSaysWhatRememberedProductsTake(t *testing.T) {
	ids := make([]string, 2*mostKnown)
	for i := range ids {
		ids[i] = uuid.NewString()
	}
	before := heapBytes()
	k := newKnown(&shelf{name: strings.Repeat("ß", 200)})
	for _, id := range ids {
		_, err := k.lookup(t.Context(), []string{id})
		require.NoError(t, err)
	}
	grown := (heapBytes() - before) / (1 << 20)
	require.Equal(t, mostKnown, k.products.Len())
	page, err := os.ReadFile("../../../docs/capacity.md")
	require.NoError(t, err)
	t.Logf("%.2f MiB", grown)
	require.LessOrEqual(t, grown, texttest.Figure(t, string(page), "products that purchases remember"))
}
