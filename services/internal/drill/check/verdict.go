// Package check judges a history: was every promise kept, and how long did the
// shop keep its clients waiting?
package check

import "time"

// Verdict is what became of the promises. It is sound when Violations is empty.
type Verdict struct {
	Violations []Violation `json:"violations,omitempty"`

	Acknowledged int `json:"acknowledged"` // operations that change something and were answered, effects and refusals
	Unknown      int `json:"unknown"`      // those whose outcome no client ever learnt
	Lost         int `json:"lost"`         // acknowledged, and not there at the end
	Duplicated   int `json:"duplicated"`   // there more than once, or more often than anybody asked
	Oversold     int `json:"oversold"`     // products that sold what they had not
	Reads        int `json:"reads"`        // that entered a check

	Partitions int `json:"partitions"` // products and purchases whose histories were checked for linearizability
	Largest    int `json:"largest"`    // operations in the largest of them
}

// Violation is one broken promise.
type Violation struct {
	Rule string `json:"rule"` // one of the constants below
	Text string `json:"text"` // what is wrong, with the ids it takes to look it up
	Ops  []int  `json:"ops,omitempty"`
}

// The rules.
const (
	RuleLost         = "lost"             // an acknowledged write is not there
	RuleDuplicated   = "duplicated"       // a write is there twice, or nobody asked for it
	RuleStock        = "stock-equation"   // initial + adjusted - sold + returned = stock does not hold, or does not match what was sold
	RuleNegative     = "negative-stock"   // stock below zero, ever
	RuleKey          = "one-outcome"      // one key has two outcomes
	RuleVersion      = "version-backward" // a version went back, or was given twice
	RuleOwnWrites    = "own-writes"       // a client did not read its own write
	RuleAge          = "age"              // a read was older than the bound
	RuleLinearizable = "linearizable"     // no order of the operations explains what was seen
	RuleUndecided    = "undecided"        // the check for linearizability did not end in time
	RuleCrossing     = "crossing-retry"   // a version does not know the outcome that another version gave to a key
	RuleField        = "lost-field"       // a version has dropped what only a newer version knows
	RuleExpiry       = "expiry"           // a reservation has ended, and the purchase is still pending
	RuleUnshown      = "unshown"          // the run lacks what it is there to show
)

// Figures are what the clients felt.
type Figures struct {
	Writes Series `json:"writes"`
	Reads  Series `json:"reads"`
	// Errors counts the requests that were answered otherwise than the shop
	// promises, by problem code ("no answer" where there was none): every 5xx, 429
	// and broken connection. Definite refusals are no errors.
	Errors map[string]int `json:"errors"`
}

// Series are the figures of the writes, or of the reads.
type Series struct {
	Requests int           `json:"requests"`
	Failed   int           `json:"failed"`
	Gap      time.Duration `json:"gap"`     // longest time without a good answer, from the fault until the end of the load
	Resumed  time.Duration `json:"resumed"` // from the fault to the first good answer of a request sent after it
	Before   Latency       `json:"before"`  // the fault
	During   Latency       `json:"during"`  // from the fault to ten seconds after the heal
	After    Latency       `json:"after"`
}

// Latency is of good answers.
type Latency struct {
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}
