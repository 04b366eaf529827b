package budget

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// book is docs/budget.json: the baseline, and after it what each issue has left.
type book struct {
	Entries []entry `json:"entries"`
}

// entry is what the order costs after an issue.
type entry struct {
	Issue string `json:"issue"`
	// Commit is the baseline's; empty for an issue.
	Commit string `json:"commit,omitempty"`
	// Figures are those that are counted, per purchase.
	Figures map[string]float64 `json:"figures"`
	// Micros is processor time per purchase in microseconds, by loop and row, on the machine that measured it.
	Micros map[string]map[string]float64 `json:"micros,omitempty"`
	// Ratios is that processor time to the baseline's, measured side by side, and Spread the half of its 95 % interval.
	Ratios map[string]map[string]float64 `json:"ratios,omitempty"`
	Spread map[string]float64            `json:"spread,omitempty"`
	// Allowed is by how many percent the issue may raise a figure over the entry before it; 3 unless the issue says otherwise.
	Allowed float64 `json:"allowed_percent"`
}

// allowedPercent is how much an issue may add that says nothing about it.
const allowedPercent = 3

// The files of the book and of its page.
func bookPath(root string) string { return filepath.Join(root, "docs", "budget.json") }
func pagePath(root string) string { return filepath.Join(root, "docs", "budget.md") }

// readBook reads docs/budget.json.
func readBook(root string) (*book, error) {
	path := bookPath(root)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	known := &book{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(known); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(known.Entries) == 0 || known.Entries[0].Commit == "" {
		return nil, errors.New(path + " has no baseline with its commit")
	}
	return known, nil
}

// entry is what was measured, in the form of the book.
func (f *found) entry(issue string) entry {
	e := entry{Issue: issue, Figures: map[string]float64{}, Allowed: allowedPercent}
	for name, value := range f.counts[1].figures {
		e.Figures[name] = rounded(value, 10)
	}
	if f.micros[1] == nil {
		return e
	}
	e.Micros, e.Ratios, e.Spread = map[string]map[string]float64{}, map[string]map[string]float64{}, map[string]float64{}
	for _, loop := range loops() {
		e.Micros[loop], e.Ratios[loop] = map[string]float64{}, map[string]float64{}
		for _, row := range rows() {
			e.Micros[loop][row] = rounded(median(f.micros[1][loop][row]), 1)
			e.Ratios[loop][row] = rounded(median(f.ratios(loop, row)), 1000)
		}
		e.Spread[loop] = rounded(spread(f.ratios(loop, rowAll)), 1000)
	}
	return e
}

// rounded keeps a figure to a part of one.
func rounded(value, part float64) float64 { return float64(int64(value*part+0.5)) / part }

// over says which figures are higher than those of the last entry by more than an issue may add that says nothing of it.
func (b *book) over(e entry) []string { return b.overBy(e, allowedPercent) }

// overBy says which figures are higher than those of the last entry by more than so many percent.
func (b *book) overBy(e entry, percent float64) (texts []string) {
	before := b.Entries[len(b.Entries)-1]
	judge := func(name string, now, then float64) {
		if most := then * (1 + percent/100); now > most+1e-9 {
			texts = append(texts, fmt.Sprintf("%s: %.4g, and the most is %.4g (%s left %.4g, and an issue may add %g %%)",
				name, now, most, before.Issue, then, percent))
		}
	}
	for _, name := range figures() {
		judge(name, e.Figures[name], before.Figures[name])
	}
	for _, loop := range loops() {
		if e.Ratios != nil {
			judge("processor time to the baseline's, "+loop, e.ratio(loop), before.ratio(loop))
		}
	}
	return texts
}

// ratio is that of all processor time; the baseline's own is 1.
func (e entry) ratio(loop string) float64 {
	if ratio := e.Ratios[loop][rowAll]; ratio > 0 {
		return ratio
	}
	return 1
}

// record puts an entry in the place of the one of the same issue, or at the end, and writes the page's tables anew.
func (b *book) record(root string, e entry) error {
	at := len(b.Entries)
	for i, known := range b.Entries {
		if known.Issue == e.Issue {
			e.Commit, e.Allowed, at = known.Commit, known.Allowed, i
		}
	}
	if e.Commit != "" { // the baseline is its own measure
		e.Ratios, e.Spread = nil, nil
	}
	b.Entries = append(b.Entries[:at], append([]entry{e}, b.Entries[min(at+1, len(b.Entries)):]...)...)
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(bookPath(root), append(text, '\n'), 0o644); err != nil {
		return err
	}
	old, err := os.ReadFile(pagePath(root))
	if err != nil {
		return err
	}
	renewed, err := b.page(string(old))
	if err != nil {
		return err
	}
	return os.WriteFile(pagePath(root), []byte(renewed), 0o644)
}

// The marks in docs/budget.md between which the tables stand.
const (
	tablesBegin = "<!-- tables: make budget RECORD=… writes what stands from here -->\n"
	tablesEnd   = "<!-- end of tables -->"
)

// page is the text of docs/budget.md with the tables of the book.
func (b *book) page(text string) (string, error) {
	before, rest, begins := strings.Cut(text, tablesBegin)
	_, after, ends := strings.Cut(rest, tablesEnd)
	if !begins || !ends {
		return "", errors.New("docs/budget.md lacks the marks of its tables")
	}
	return before + tablesBegin + b.tables() + tablesEnd + after, nil
}
