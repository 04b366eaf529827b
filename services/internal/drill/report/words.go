package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// none stands where there is no figure.
const none = "–"

// verdict is one word for what became of a run.
func (r Run) verdict() string {
	switch {
	case r.NotApplicable != "":
		return "not applicable"
	case !r.Passed():
		return "failed"
	case r.Red:
		return "red"
	case r.Control:
		return "green"
	case r.Promised:
		return "passed"
	}
	return "counted"
}

// made says that the run took place.
func (r Run) made() bool { return r.NotApplicable == "" }

// heading is a run's title as a heading has it.
func (r Run) heading() string { return capital(cmp.Or(r.Title, r.Fault)) }

func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

// label names a run by its fault and variant.
func (r Run) label() string {
	if r.Variant == "" {
		return r.Fault
	}
	return r.Fault + " " + r.Variant
}

// requests and failed count writes and reads together.
func (r Run) requests() int { return r.Figures.Writes.Requests + r.Figures.Reads.Requests }
func (r Run) failed() int   { return r.Figures.Writes.Failed + r.Figures.Reads.Failed }

// errorsText is such as "12: 8 outcome-unknown, 4 no answer", the most frequent
// first.
func errorsText(errors map[string]int) string {
	if len(errors) == 0 {
		return "0"
	}
	codes := slices.SortedFunc(maps.Keys(errors), func(a, b string) int {
		return cmp.Or(errors[b]-errors[a], cmp.Compare(a, b))
	})
	parts, total := make([]string, len(codes)), 0
	for i, code := range codes {
		parts[i] = number(errors[code]) + " " + code
		total += errors[code]
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return number(total) + ": " + strings.Join(parts, ", ")
}

// number groups digits by thousands, with commas.
func number(n int) string { return message.NewPrinter(language.English).Sprint(n) }

// seconds is a setting, such as "2 s".
func seconds(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }

// short is a duration with three digits and the unit that suits it, such as
// "840 µs", "3.41 ms" or "1.02 s"; none of 0.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return none
	case d < time.Millisecond:
		return three(float64(d)/1e3) + " µs"
	case d < time.Second:
		return three(float64(d)/1e6) + " ms"
	}
	return three(d.Seconds()) + " s"
}

func three(f float64) string {
	switch {
	case f < 9.995:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case f < 99.95:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}

// share is a part of a whole in percent, with as many digits as it takes to tell
// one request of many from none.
func share(part, whole int) string {
	switch {
	case whole == 0:
		return none
	case part == 0:
		return "0 %"
	}
	percent := 100 * float64(part) / float64(whole)
	switch {
	case percent < 0.001:
		return "under 0.001 %"
	case percent < 1:
		return fmt.Sprintf("%.3f %%", percent)
	}
	return fmt.Sprintf("%.1f %%", percent)
}

// plural is such as "1 run" or "2 runs".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + one + "s"
}

// plain is a text that a terminal shows as it is: what a server sent may hold
// line breaks and control sequences.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
