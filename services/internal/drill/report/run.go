// Package report says what a drill found: a table on the terminal, a page with a
// picture of each fault, all figures as JSON, and a file of results for each
// fault, to which every run adds a line.
package report

import (
	"time"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/drill/history"
)

// Run is one run of one fault or control: a line of its results file.
type Run struct {
	Fault     string        `json:"fault"` // slug
	Title     string        `json:"title"`
	Control   bool          `json:"control,omitempty"` // it has to go red
	Red       bool          `json:"red,omitempty"`     // it did: it broke what it has to break
	Promised  bool          `json:"promised"`          // the fault is one that the shop promises to survive
	Variant   string        `json:"variant,omitempty"` // what was swept, such as "2.25s"
	When      time.Time     `json:"when"`
	Took      time.Duration `json:"took"`
	Redis     string        `json:"redis"` // version
	DownAfter time.Duration `json:"down_after"`
	Commit    string        `json:"commit,omitempty"` // of the source, where known

	Verdict check.Verdict `json:"verdict"`
	Figures check.Figures `json:"figures"`
	// Reasons say why the run failed; empty: it passed. A control passes when it
	// went red.
	Reasons []string `json:"reasons,omitempty"`
	// NotApplicable says why the run was not made; nothing else is filled in then.
	NotApplicable string `json:"not_applicable,omitempty"`
	// Kept is the file with the history of a failed run.
	Kept string `json:"kept,omitempty"`

	// Timeline is for the picture; it is not in the results file.
	Timeline *Timeline `json:"timeline,omitempty"`
}

// Passed says that the run is as it has to be.
func (r Run) Passed() bool { return len(r.Reasons) == 0 }

// Timeline is a history in buckets.
type Timeline struct {
	Bucket time.Duration   `json:"bucket"`
	Rows   []Row           `json:"rows"`
	Events []history.Event `json:"events"`
}

// Row is one bucket, by when requests were answered.
type Row struct {
	At                    time.Duration `json:"at"`
	Good, Refused, Failed int           // requests of any kind, by outcome
	WriteMax, ReadMax     time.Duration // slowest good answer
	WriteP50, ReadP50     time.Duration
}
