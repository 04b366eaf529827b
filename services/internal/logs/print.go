package logs

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// longest is how much of a line is shown, in bytes: a panic's stack fits, a dump of something does not.
const longest = 8 << 10

// Printer writes entries for people. It is for one goroutine.
type Printer struct {
	out     io.Writer
	colours bool
	width   int
	given   map[string]string
}

// NewPrinter makes a Printer with colours if out is a terminal. NO_COLOR, set to anything, takes them away, and
// FORCE_COLOR gives them to what is no terminal (https://no-color.org, https://force-color.org).
func NewPrinter(out io.Writer, getenv func(string) string) *Printer {
	file, isFile := out.(*os.File)
	colours := isFile && term.IsTerminal(int(file.Fd())) && getenv("TERM") != "dumb" || getenv("FORCE_COLOR") != ""
	return &Printer{out: out, colours: colours && getenv("NO_COLOR") == "", given: map[string]string{}}
}

const (
	reset  = "\x1b[0m"
	faint  = "\x1b[2m"
	red    = "\x1b[1;31m"
	yellow = "\x1b[33m"
)

// hues are given to the instances one after the other; red and yellow are kept for errors and warnings.
var hues = []string{"\x1b[36m", "\x1b[32m", "\x1b[35m", "\x1b[34m", "\x1b[96m", "\x1b[92m", "\x1b[95m", "\x1b[94m"}

// Print shows one entry as one line: when, who, how bad if it is, what.
func (p *Printer) Print(e Entry) {
	when := strings.Repeat(" ", len("15:04:05.000"))
	if !e.Time.IsZero() {
		when = e.Time.Local().Format("15:04:05.000")
	}
	p.line(when, e)
}

// line shows an entry under another time than its own.
func (p *Printer) line(when string, e Entry) {
	p.width = max(p.width, len(e.Instance))
	level, hue := "", ""
	switch e.Level {
	case Err:
		level, hue = "ERROR ", red
	case Warn:
		level, hue = "WARN ", yellow
	case Debug:
		hue = faint
	case Info:
	}
	name := fmt.Sprintf("%-*s", p.width, e.Instance)
	fmt.Fprintf(p.out, "%s %s %s\n", p.in(faint, when), p.in(p.hue(e.Instance), name), p.in(hue, level+Clean(e.Text)))
}

// hue is the colour of an instance, the same for as long as the Printer lives.
func (p *Printer) hue(instance string) string {
	if _, known := p.given[instance]; !known {
		p.given[instance] = hues[len(p.given)%len(hues)]
	}
	return p.given[instance]
}

func (p *Printer) in(hue, text string) string {
	if !p.colours || hue == "" {
		return text
	}
	return hue + text + reset
}

// Clean makes a line fit to be shown: what is no text, and what a terminal would obey, stands as \x.., and what is too
// long is cut with a word about it.
func Clean(line string) string {
	rest := 0
	if len(line) > longest {
		cut := longest
		for cut > 0 && !utf8.RuneStart(line[cut]) {
			cut--
		}
		line, rest = line[:cut], len(line)-cut
	}
	var b strings.Builder
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRuneInString(line[i:])
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError && size == 1, r != utf8.RuneError && !unicode.IsGraphic(r):
			for _, c := range []byte(line[i : i+size]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		default:
			b.WriteRune(r)
		}
		i += size
	}
	if rest > 0 {
		fmt.Fprintf(&b, " … (%d bytes more)", rest)
	}
	return b.String()
}
