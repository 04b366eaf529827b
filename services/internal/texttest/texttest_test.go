package texttest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorded takes down what a failure says.
type recorded struct {
	testing.TB
	said []string
}

func (r *recorded) Helper() {}

func (r *recorded) Fatalf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

// page is a text as long as a replica's metrics.
func page() string {
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, "shop_http_requests_total{route=\"/v1/things/%d\"} %d\n", i, i)
	}
	for i := range 300 {
		fmt.Fprintf(&text, "shop_sales_total{currency=\"EUR\",of=\"%d\"} 7\n", i)
	}
	return text.String() + "go_goroutines 12\n# EOF\n"
}

func TestAFailureShowsTheLinesThatMatterAndStaysShort(t *testing.T) {
	const many = "\n\tand 292 more lines"
	document := `{"data":"` + strings.Repeat("x", 1<<20) + `needle` + strings.Repeat("y", 1<<20) + `"}`
	for name, row := range map[string]struct {
		check        func(*recorded)
		shows, hides []string
	}{
		"a series that is missing": {
			func(tb *recorded) { Contains(tb, page(), `shop_sales_total{currency="USD"} 1`) },
			[]string{`shop_sales_total{currency="EUR",of="0"} 7`, many}, []string{"shop_http", "# EOF"},
		},
		"a name that no line has": {
			func(tb *recorded) { Contains(tb, page(), "refunds", "of %s", "api-1") },
			[]string{"of api-1: the text (603 lines, ", "its last lines are:", "go_goroutines 12", "# EOF"}, []string{"shop_http"},
		},
		"a text that must not be there": {
			func(tb *recorded) { NotContains(tb, page(), "of=\"9") },
			[]string{`shop_sales_total{currency="EUR",of="9"} 7`, "and 3 more lines"}, []string{"shop_http", `of="8`},
		},
		"several lines that must not be there": {
			func(tb *recorded) { NotContains(tb, page(), "goroutines 12\n# EOF") },
			[]string{"goroutines 12\n# EOF"}, []string{"shop_"},
		},
		"a pattern that matches nowhere": {
			func(tb *recorded) { Matches(tb, page(), `go_goroutines \d{3}`) },
			[]string{"go_goroutines 12"}, []string{"shop_"},
		},
		"one long line": {
			func(tb *recorded) { NotContains(tb, document, "needle") },
			[]string{"xxneedleyy"}, nil,
		},
		"one long line that lacks something": {
			func(tb *recorded) { Contains(tb, document, "haystack") },
			[]string{`{"data":"xx`}, nil,
		},
		"a long part": {
			func(tb *recorded) { Contains(tb, "short", strings.Repeat("z", 1<<20)) },
			[]string{"short", "zzz…"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			seen := &recorded{}
			row.check(seen)
			require.Len(t, seen.said, 1)
			require.Less(t, len(seen.said[0]), 3000)
			for _, part := range row.shows {
				require.Contains(t, seen.said[0], part)
			}
			for _, part := range row.hides {
				require.NotContains(t, seen.said[0], part)
			}
		})
	}
}

func TestWhatIsAsDemandedSaysNothing(t *testing.T) {
	seen := &recorded{}
	Contains(seen, page(), `shop_sales_total{currency="EUR",of="299"} 7`)
	NotContains(seen, page(), "shop_refunds")
	Matches(seen, page(), `(?m)^go_goroutines \d+$`)
	require.Empty(t, seen.said)
}

func TestABriefTextIsWholeAndALongOneIsCut(t *testing.T) {
	require.Equal(t, "short", Brief("short"))
	long := strings.Repeat("ä", 1<<20)
	require.Equal(t, strings.Repeat("ä", 1000)+"… (1 lines, 2097152 bytes)", Brief(long))
}
