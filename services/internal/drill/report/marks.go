package report

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"evergreen/services/internal/drill/history"
)

// mark is a line through the panels where something was done to the shop.
type mark struct {
	Number int
	What   string
	Text   string
	At     time.Duration
	X      px
	Label  string // what stands beside the line: the number at least, "" if it has no room
	Row    int    // of the label, from the top
	Y      px     // where the line begins
	Before bool   // the label stands left of the line
}

// The labels: a letter's average width and the rows that they may take. The list
// beneath the picture has all of their texts.
const (
	letter    px  = 6.1
	labelRows int = 5
)

// place numbers the events that were done to the shop and finds room for their
// labels: as long as can be, then crossed by others' lines, and if need be only
// the numbers, or not even all of these.
func (p *picture) place(events []history.Event) (marks []mark) {
	for _, try := range []struct {
		letters int
		find    func([labelRows]px, px) int
	}{{44, beneath}, {30, beneath}, {30, vacant}, {20, vacant}, {0, vacant}} {
		marks = p.placeClipped(events, try.letters, try.find)
		if !slices.ContainsFunc(marks, func(m mark) bool { return m.Label == "" }) {
			break
		}
	}
	return marks
}

// placeClipped gives each label the row that find finds, if there is one.
func (p *picture) placeClipped(events []history.Event, letters int, find func([labelRows]px, px) int) []mark {
	var marks []mark
	var reach [labelRows]px // up to where each row is taken
	for _, e := range events {
		if e.What == history.Primary {
			continue
		}
		m := mark{Number: len(marks) + 1, What: e.What, Text: e.Text, At: e.At, X: p.x(e.At)}
		m.Row = find(reach, m.X)
		m.Label = strings.TrimSpace(strconv.Itoa(m.Number) + " " + clip(m.caption(), letters))
		width := letter*px(utf8.RuneCountInString(m.Label)) + 10
		m.Before = m.X+width > plotRight && m.Row < labelRows && m.X-width > reach[m.Row]
		switch {
		case m.Row >= labelRows:
			m.Row, m.Label = labelRows-1, ""
		case m.Before:
			reach[m.Row] = m.X + 3
		default:
			reach[m.Row] = m.X + width
		}
		m.Y = labelRow * px(m.Row)
		marks = append(marks, m)
	}
	return marks
}

// caption is the event's text, and what it is unless it is one step of many.
func (m mark) caption() string {
	if m.What == history.Injected && m.Text != "" {
		return m.Text
	}
	return strings.TrimSuffix(m.What+": "+m.Text, ": ")
}

// LabelX is where the label begins, or ends if it stands before the line.
func (m mark) LabelX() px {
	if m.Before {
		return m.X - 4
	}
	return m.X + 4
}

// vacant is the first row in which no label reaches over x.
func vacant(reach [labelRows]px, x px) int {
	for row := range reach {
		if reach[row] <= x {
			return row
		}
	}
	return labelRows
}

// beneath is the first row beneath all labels that reach over x: a line that
// begins there crosses none of them.
func beneath(reach [labelRows]px, x px) int {
	for row := labelRows - 1; row >= 0; row-- {
		if reach[row] > x {
			return row + 1
		}
	}
	return 0
}

func rowsOf(marks []mark) int {
	rows := 0
	for _, m := range marks {
		rows = max(rows, m.Row+1)
	}
	return rows
}

// clip shortens a text to a number of letters.
func clip(s string, letters int) string {
	if utf8.RuneCountInString(s) <= letters {
		return s
	}
	if letters == 0 {
		return ""
	}
	return string([]rune(s)[:letters-1]) + "…"
}

// reign is a time during which a node was the primary that two Sentinels named.
type reign struct {
	Node     string // "nobody known" before the first is named
	From, To time.Duration
	X, Width px
	Label    string // "" where the name has no room
	Class    string
}

// reigns are the band. Each node keeps its colour, in the order of appearance.
func (p *picture) reigns(t *Timeline) []reign {
	all := []reign{{Node: "nobody known", Class: "node-none"}}
	classes := map[string]string{}
	for _, e := range t.Events {
		if e.What != history.Primary || e.Text == all[len(all)-1].Node {
			continue
		}
		class, known := classes[e.Text]
		if !known {
			class = "node-" + strconv.Itoa(len(classes)%3+1)
			classes[e.Text] = class
		}
		all[len(all)-1].To = e.At
		all = append(all, reign{Node: e.Text, From: e.At, Class: class})
	}
	all[len(all)-1].To = t.extent()
	for i := range all {
		r := &all[i]
		r.X = p.x(r.From)
		r.Width = p.x(r.To) - r.X
		if letter*px(utf8.RuneCountInString(r.Node))+8 <= r.Width {
			r.Label = r.Node
		}
	}
	if all[0].Width <= 0 {
		all = all[1:]
	}
	return all
}
