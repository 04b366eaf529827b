// Package texttest has assertions on long texts, such as a page of metrics, a log or a
// document. Their failures show the few lines that matter and never the whole text.
// Only tests import it.
package texttest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The bounds of a failure's text.
const (
	mostLines     = 8
	mostLineBytes = 240
	mostBytes     = 2000
)

// Brief is the text's beginning, for the failure of a check that is about all of it.
func Brief(text string) string {
	if len(text) <= mostBytes {
		return text
	}
	return strings.ToValidUTF8(text[:mostBytes], "") + fmt.Sprintf("… (%s)", size(text))
}

// Contains demands that text has part somewhere.
func Contains(tb testing.TB, text, part string, about ...any) {
	tb.Helper()
	if !strings.Contains(text, part) {
		tb.Fatalf("%sthe text (%s) lacks %q%s", described(about), size(text), shortened(part, ""), near(text, part))
	}
}

// NotContains demands that text has part nowhere.
func NotContains(tb testing.TB, text, part string, about ...any) {
	tb.Helper()
	if strings.Contains(text, part) {
		tb.Fatalf("%sthe text (%s) has %q:%s", described(about), size(text), shortened(part, ""), linesWith(text, part))
	}
}

// Matches demands that the pattern matches text somewhere.
func Matches(tb testing.TB, text, pattern string, about ...any) {
	tb.Helper()
	if !regexp.MustCompile(pattern).MatchString(text) {
		tb.Fatalf("%sthe text (%s) does not match %q%s", described(about), size(text), shortened(pattern, ""), near(text, pattern))
	}
}

// described is the caller's message with its arguments.
func described(about []any) string {
	if len(about) == 0 {
		return ""
	}
	if format, isText := about[0].(string); isText {
		return fmt.Sprintf(format, about[1:]...) + ": "
	}
	return fmt.Sprint(about...) + ": "
}

func size(text string) string {
	return fmt.Sprintf("%d lines, %d bytes", strings.Count(text, "\n")+1, len(text))
}

// word finds names of metrics, fields and services; a shorter one stands in too many lines.
var word = regexp.MustCompile(`[\pL\pN_][\pL\pN_:.-]{2,}`)

// near gives the lines that share the longest possible word with part, and the last
// lines of the text if no line shares any.
func near(text, part string) string {
	words := word.FindAllString(part, -1)
	slices.SortStableFunc(words, func(a, b string) int { return len(b) - len(a) })
	for _, w := range words {
		if strings.Contains(text, w) {
			return fmt.Sprintf("; it has %q in:%s", shortened(w, ""), linesWith(text, w))
		}
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return "; its last lines are:" + indented(lines[max(0, len(lines)-mostLines):], "")
}

// linesWith gives the first lines with part, and says how many more there are.
func linesWith(text, part string) string {
	if strings.Contains(part, "\n") {
		at := strings.Index(text, part)
		return indented([]string{text[at:]}, "")
	}
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			found = append(found, strings.TrimRight(line, "\n"))
		}
	}
	more := ""
	if len(found) > mostLines {
		more = fmt.Sprintf("\n\tand %d more lines", len(found)-mostLines)
		found = found[:mostLines]
	}
	return indented(found, part) + more
}

func indented(lines []string, part string) string {
	var out strings.Builder
	for _, line := range lines {
		out.WriteString("\n\t" + shortened(line, part))
	}
	return out.String()
}

// shortened cuts a line to what stands around part.
func shortened(line, part string) string {
	if len(line) <= mostLineBytes {
		return line
	}
	begin := max(0, min(strings.Index(line, part)-mostLineBytes/4, len(line)-mostLineBytes))
	cut := line[begin:min(len(line), begin+mostLineBytes)]
	if begin > 0 {
		cut = "…" + cut
	}
	return strings.ToValidUTF8(cut, "") + "…"
}
