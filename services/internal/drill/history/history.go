// Package history is what the drill's clients saw: every request with its times,
// what was sent and what was answered, what was done to the shop meanwhile, and
// what the shop said when all was quiet again. It is written by load, judged by
// check, drawn by report, and kept as a file when a run fails.
package history

import "time"

// Kind is what an operation does.
type Kind string

// The kinds, with their requests.
const (
	Buy          Kind = "buy"           // POST /v1/purchases
	Pay          Kind = "pay"           // POST /v1/purchases/{id}/pay
	Cancel       Kind = "cancel"        // POST /v1/purchases/{id}/cancel
	Adjust       Kind = "adjust"        // POST /v1/products/{id}/stock
	Edit         Kind = "edit"          // PATCH /v1/products/{id}, with If-Match
	ReadProduct  Kind = "read-product"  // GET /v1/products/{id}
	ReadPurchase Kind = "read-purchase" // GET /v1/purchases/{id}

	// Expire is done by the shop itself, to a purchase whose reservation has ended. No request asks for it.
	Expire Kind = "expire"
)

// Write says that the operation changes something.
func (k Kind) Write() bool { return k != ReadProduct && k != ReadPurchase }

// Strength is what a read demands.
type Strength string

// The strengths.
const (
	Plain  Strength = ""       // nothing: only its age is bounded
	Token  Strength = "token"  // with the Consistency-Token of the client's last write
	Strong Strength = "strong" // Cache-Control: no-cache, as strong as a write
)

// Outcome is what is known of an operation after its answer.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"     // 2xx
	Refused Outcome = "refused"  // 4xx other than 429: a definite refusal, remembered like an effect
	NotDone Outcome = "not-done" // 429, or a 503 that says that nothing was written
	Unknown Outcome = "unknown"  // 503 outcome-unknown, any other 5xx, or no answer at all
)

// Op is one request and its answer. A client that sends an operation again, with
// the same Idempotency-Key, makes one more Op with the same Logical.
type Op struct {
	ID      int           `json:"id"`      // unique in the history, in the order of the starts
	Logical int           `json:"logical"` // ID of the first request for the same operation
	Client  int           `json:"client"`
	Kind    Kind          `json:"kind"`
	Start   time.Duration `json:"start"` // since the history's Begin, by a monotonic clock
	End     time.Duration `json:"end"`

	// What was sent.
	Key      string   `json:"key,omitempty"`      // Idempotency-Key
	User     string   `json:"user,omitempty"`     // who buys
	Mark     int64    `json:"mark,omitempty"`     // of a Buy: the agreed unit price of all its lines in minor units, unique to the operation; 0 for a customer's own, at list price
	Lines    []Line   `json:"lines,omitempty"`    // of a Buy
	Product  string   `json:"product,omitempty"`  // of an Adjust, Edit or ReadProduct
	Purchase string   `json:"purchase,omitempty"` // of a Pay, Cancel or ReadPurchase; of a Buy, from its answer
	Delta    int64    `json:"delta,omitempty"`    // of an Adjust
	IfMatch  int64    `json:"if_match,omitempty"` // of an Edit: the version it is based on
	Strength Strength `json:"strength,omitempty"` // of a read
	Token    string   `json:"token,omitempty"`    // that was sent

	// What was answered.
	Outcome  Outcome          `json:"outcome"`
	Status   int              `json:"status,omitempty"` // 0: no answer
	Code     string           `json:"code,omitempty"`   // of the problem
	Error    string           `json:"error,omitempty"`  // why there was no answer
	Replayed bool             `json:"replayed,omitempty"`
	ServedBy string           `json:"served_by,omitempty"`
	NewToken string           `json:"new_token,omitempty"` // Consistency-Token of the answer
	Body     string           `json:"body,omitempty"`      // SHA-256 of the body of a write's 2xx, to compare replays
	Version  int64            `json:"version,omitempty"`   // of the product, from its body
	Stock    int64            `json:"stock,omitempty"`     // of the product, from its body
	State    string           `json:"state,omitempty"`     // of the purchase, from its body
	Age      time.Duration    `json:"age,omitempty"`       // that the answer told of itself (Age)
	Short    map[string]int64 `json:"short,omitempty"`     // of a Buy refused for want of stock: product to what was available
}

// Line is one line of a purchase.
type Line struct {
	Product  string `json:"product"`
	Quantity int64  `json:"quantity"`
}

// Event is something that was done to the shop, or was seen of it.
type Event struct {
	At   time.Duration `json:"at"`
	What string        `json:"what"` // one of the constants below
	Text string        `json:"text,omitempty"`
	// Replica is set for Program: the name of an API replica, as its answers tell it (X-Served-By).
	Replica string `json:"replica,omitempty"`
}

// What an event is.
const (
	Fault    = "fault"    // the fault begins
	Heal     = "heal"     // all that was done is undone
	Primary  = "primary"  // Text is the node that two Sentinels name from here on
	Quiet    = "quiet"    // the load has stopped and everything is healthy
	Injected = "injected" // a step of the fault in between; Text says which
	Program  = "program"  // from here on Replica runs another program; Text names its version
)

// Ledger is what the shop says of a product's stock at the end.
type Ledger struct {
	Initial  int64 `json:"initial"`
	Adjusted int64 `json:"adjusted"`
	Sold     int64 `json:"sold"`
	Returned int64 `json:"returned"`
	Stock    int64 `json:"stock"`
	Version  int64 `json:"version"`
}

// Purchase is a purchase as the shop has it at the end.
type Purchase struct {
	ID    string `json:"id"`
	User  string `json:"user"`
	State string `json:"state"`
	Mark  int64  `json:"mark"` // unit price of its first line
	Lines []Line `json:"lines"`
}

// Audit is all that the shop has of the drill's users and products when it is
// quiet, read with the strength of a write.
type Audit struct {
	Products  map[string]Ledger `json:"products"`
	Purchases []Purchase        `json:"purchases"`
	Fields    Fields            `json:"fields,omitempty"` // those of History.Fields, as they are stored at the end
}

// Fields are stored members and fields of products that only a newer version of the shop knows: by the product's id and
// the name, with their values. A name that begins with "body." is a member of the stored body, another one is a field of
// the product's hash.
type Fields map[string]map[string]string

// Reservation is a purchase that is paid and cancelled by nobody, and when its reservation ends.
type Reservation struct {
	Purchase string        `json:"purchase"`
	Ends     time.Duration `json:"ends"` // since the history's Begin
}

// History is one run.
type History struct {
	Begin     time.Time         `json:"begin"`
	Fault     string            `json:"fault"`   // slug
	Variant   string            `json:"variant"` // what was swept, such as "2.25s"
	DownAfter time.Duration     `json:"down_after"`
	Initial   map[string]Ledger `json:"initial"` // of the products, before the load
	Ops       []Op              `json:"ops"`
	Events    []Event           `json:"events"`
	Audit     Audit             `json:"audit"`
	// Fields were put into the stored products before the load.
	Fields Fields `json:"fields,omitempty"`
	// Reservations end during the load.
	Reservations []Reservation `json:"reservations,omitempty"`
}

// Logicals groups the requests by the operation they are for, in the order of
// their first starts.
func (h *History) Logicals() [][]Op {
	place := map[int]int{}
	var groups [][]Op
	for _, op := range h.Ops {
		at, known := place[op.Logical]
		if !known {
			at = len(groups)
			place[op.Logical] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], op)
	}
	return groups
}

// First is when the first event of a kind was; false if there was none.
func (h *History) First(what string) (time.Duration, bool) {
	for _, e := range h.Events {
		if e.What == what {
			return e.At, true
		}
	}
	return 0, false
}
