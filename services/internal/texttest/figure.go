package texttest

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Figure is the number in the second column of the only row of a table in text whose first column is name.
func Figure(tb testing.TB, text, name string) float64 {
	tb.Helper()
	rows := regexp.MustCompile(`(?m)^\| `+regexp.QuoteMeta(name)+` \| ([0-9.,]+) \|`).FindAllStringSubmatch(text, -1)
	if len(rows) != 1 {
		tb.Fatalf("the text (%s) has %d rows %q, not one", size(text), len(rows), name)
	}
	number, err := strconv.ParseFloat(strings.ReplaceAll(rows[0][1], ",", ""), 64)
	if err != nil {
		tb.Fatalf("the row %q: %v", name, err)
	}
	return number
}
