package web

import (
	"fmt"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

// scanned is a list of ids, newest first, of which only some match a filter. It
// counts how many ids a page has examined.
type scanned struct {
	ids      []string
	matching []string
	examined int
}

func numbered(n int) *scanned {
	s := &scanned{}
	for i := range n {
		s.ids = append(s.ids, fmt.Sprintf("%06d", n-i))
	}
	return s
}

func (s *scanned) next(before string, n int) ([]string, error) {
	from := 0
	if before != "" {
		from = slices.IndexFunc(s.ids, func(id string) bool { return id < before })
	}
	if from < 0 {
		return nil, nil
	}
	return s.ids[from:min(from+n, len(s.ids))], nil
}

func (s *scanned) load(ids []string, _ int) ([]jsontext.Value, error) {
	s.examined += len(ids)
	items := make([]jsontext.Value, len(ids))
	for i, id := range ids {
		if slices.Contains(s.matching, id) {
			items[i] = jsontext.Value(id)
		}
	}
	return items, nil
}

// all follows the pages to the end; each examines no more than the bound.
func (s *scanned) all(t *testing.T, limit int) (found []string, pages int) {
	t.Helper()
	for page := (Page{Limit: limit}); ; {
		s.examined = 0
		items, last, err := Collect(page, s.next, s.load)
		require.NoError(t, err)
		require.LessOrEqual(t, s.examined, collectMost+collectBatch+MaxLimit)
		require.LessOrEqual(t, len(items), limit)
		for _, item := range items {
			found = append(found, string(item))
		}
		pages++
		if last == "" {
			return found, pages
		}
		require.True(t, page.Before == "" || last < page.Before, "each page goes on after the one before")
		page.Before = last
	}
}

func TestPagesOfAFilteredListHaveEveryMatchOnceAndExamineABoundedNumberOfIDs(t *testing.T) {
	for _, row := range []struct {
		name     string
		ids      int
		matching func(ids []string) []string
		pages    int // of 20 at least
	}{
		{"nothing matches", 5000, func([]string) []string { return nil }, 5},
		{"the oldest matches", 5000, func(ids []string) []string { return ids[4999:] }, 5},
		{"the newest and the oldest match", 5000, func(ids []string) []string { return []string{ids[0], ids[4999]} }, 5},
		{"everything matches", 250, func(ids []string) []string { return ids }, 12},
		{"a page of matches at the end of a batch", 121, func(ids []string) []string { return ids[101:] }, 1},
		{"the list is empty", 0, func([]string) []string { return nil }, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, limit := range []int{1, 20, 100} {
				s := numbered(row.ids)
				s.matching = row.matching(s.ids)
				found, pages := s.all(t, limit)
				require.Equal(t, s.matching, found)
				if limit == 20 {
					require.GreaterOrEqual(t, pages, row.pages)
				}
			}
		})
	}
}

func TestAPageWithoutAFilterReadsNoMoreThanItShowsAndOne(t *testing.T) {
	s := numbered(5000)
	s.matching = s.ids
	items, last, err := Collect(Page{Limit: 20}, s.next, s.load)
	require.NoError(t, err)
	require.Len(t, items, 20)
	require.Equal(t, s.ids[19], last)
	require.Equal(t, 21, s.examined)
}
