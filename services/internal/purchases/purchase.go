// Package purchases holds what was bought: the stock is taken for all lines or
// for none, a line freezes name and price, and what is not paid in time gives
// its stock back.
package purchases

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/money"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// The statuses: pending → paid → fulfilled; pending → cancelled or expired;
// paid or fulfilled → refunded. In all but the first three the stock is back.
const (
	Pending   = "pending"
	Paid      = "paid"
	Fulfilled = "fulfilled"
	Cancelled = "cancelled"
	Expired   = "expired"
	Refunded  = "refunded"
)

// Statuses lists them all.
func Statuses() []string { return []string{Pending, Paid, Fulfilled, Cancelled, Expired, Refunded} }

// MaxLines is the most lines of a purchase, MaxQuantity the most pieces of one.
const (
	MaxLines    = 1000
	MaxQuantity = 1_000_000
)

// Line is a line as it is asked for.
type Line struct {
	ProductID string `json:"product_id" validate:"required,id"`
	Quantity  int64  `json:"quantity" validate:"required,min=1,max=1000000"`
	// UnitPrice is a price agreed with the buyer; only admins may name one.
	UnitPrice *money.Money `json:"unit_price,omitempty"`
}

// CreateInput is the body of POST /v1/purchases.
type CreateInput struct {
	Items       []Line `json:"items" validate:"required,min=1,max=1000,dive"`
	ExternalRef string `json:"external_ref,omitempty" validate:"max=200,plain,filled"`
	// UserID is for whom an admin buys; everybody else buys for themselves.
	UserID string `json:"user_id,omitempty" validate:"omitempty,id"`
}

// PayInput is the body of POST /v1/purchases/{id}/pay.
type PayInput struct {
	Reference string `json:"reference" validate:"required,max=200,plain,filled"`
}

// RefundLine is a part of a refund.
type RefundLine struct {
	ProductID string `json:"product_id" validate:"required,id"`
	Quantity  int64  `json:"quantity" validate:"required,min=1,max=1000000000"`
}

// RefundInput is the body of POST /v1/purchases/{id}/refund; without items
// everything that is left is refunded.
type RefundInput struct {
	Items       []RefundLine `json:"items,omitempty" validate:"omitempty,min=1,max=1000,dive"`
	ExternalRef string       `json:"external_ref,omitempty" validate:"max=200,plain,filled"`
}

// Item is a line of a purchase; all but Refunded is frozen when it is made.
type Item struct {
	ProductID string      `json:"product_id"`
	Name      string      `json:"name"`
	Quantity  int64       `json:"quantity"`
	UnitPrice money.Money `json:"unit_price"`
	Refunded  int64       `json:"refunded_quantity,omitempty"`
	// Newer are the members that only a newer version knows.
	Newer jsontext.Value `json:",embed"`
}

// frozen is what never changes of a purchase.
type frozen struct {
	ID          string
	UserID      string
	Items       []Item
	Total       money.Money
	ExternalRef string
	CreatedAt   int64 // ms
}

// state is what changes; every script answers it whole, and a remembered answer
// therefore shows the purchase as it was then.
type state struct {
	Status        string
	Version       int64
	UpdatedAt     int64  // ms
	ReservedUntil int64  // ms
	Reference     string // the payment's
	Refunded      string // pieces per line, "0,2,0"; "" for none
}

type rendered struct {
	ID               string       `json:"id"`
	UserID           string       `json:"user_id"`
	Status           string       `json:"status"`
	Items            []Item       `json:"items"`
	Total            money.Money  `json:"total"`
	RefundedTotal    *money.Money `json:"refunded_total,omitempty"`
	ReservedUntil    string       `json:"reserved_until,omitempty"`
	PaymentReference string       `json:"payment_reference,omitempty"`
	ExternalRef      string       `json:"external_ref,omitempty"`
	Version          int64        `json:"version"`
	CreatedAt        string       `json:"created_at"`
	UpdatedAt        string       `json:"updated_at"`
}

// render gives the purchase's JSON.
func render(f frozen, s state) ([]byte, error) {
	r := rendered{
		ID: f.ID, UserID: f.UserID, Status: s.Status, Items: make([]Item, len(f.Items)), Total: f.Total,
		PaymentReference: s.Reference, ExternalRef: f.ExternalRef, Version: s.Version,
		CreatedAt: web.Time(f.CreatedAt), UpdatedAt: web.Time(s.UpdatedAt),
	}
	if s.Status == Pending {
		r.ReservedUntil = web.Time(s.ReservedUntil)
	}
	copy(r.Items, f.Items)
	for i, n := range refundedPieces(f.Items, s.Refunded) {
		r.Items[i].Refunded = n
	}
	if s.Refunded != "" {
		r.RefundedTotal = &money.Money{Amount: refundedAmount(f.Items, s.Refunded), Currency: f.Total.Currency}
	}
	return json.Marshal(r)
}

// refundedPieces reads the pieces per line, "0,2,0"; "" is none of any.
func refundedPieces(items []Item, text string) []int64 {
	pieces := make([]int64, len(items))
	for i, each := range strings.Split(text, ",") {
		if n, err := strconv.ParseInt(each, 10, 64); err == nil && i < len(items) {
			pieces[i] = n
		}
	}
	return pieces
}

// refundedAmount is what those pieces were sold for, in minor units.
func refundedAmount(items []Item, text string) (amount int64) {
	for i, n := range refundedPieces(items, text) {
		amount += n * items[i].UnitPrice.Amount
	}
	return amount
}

// The fields of a purchase's hash.
var storedFields = []string{
	"user", "status", "version", "items", "lines", "people", "total", "currency", "external_ref",
	"created", "updated", "reserved", "reference", "refunded",
}

func fromFields(id string, f redisdb.Fields) (frozen, state, error) {
	n := func(name string) int64 { v, _ := strconv.ParseInt(f[name], 10, 64); return v }
	fixed := frozen{
		ID: id, UserID: f["user"], Total: money.Money{Amount: n("total"), Currency: f["currency"]},
		ExternalRef: f["external_ref"], CreatedAt: n("created"),
	}
	var err error
	if lines, packed := f["lines"]; packed {
		fixed.Items, err = unpackItems(lines, f["people"], fixed.Total.Currency)
	} else {
		err = json.Unmarshal([]byte(f["items"]), &fixed.Items)
	}
	return fixed, state{
		Status: f["status"], Version: n("version"), UpdatedAt: n("updated"), ReservedUntil: n("reserved"),
		Reference: f["reference"], Refunded: f["refunded"],
	}, err
}

// fromResult reads the state that every successful script answers from value i on.
func fromResult(r redisdb.Result, i int) state {
	v := append(r.Values[i:], "", "", "", "", "", "")
	return state{
		Status: v[0], Version: r.Int(i + 1), UpdatedAt: r.Int(i + 2), ReservedUntil: r.Int(i + 3), Reference: v[4], Refunded: v[5],
	}
}

// asMade is the state of a purchase when it was made. A compact record of that leaves the
// state out: the time of the making and the end of the reservation never change.
func asMade(fixed frozen, now state) state {
	return state{Status: Pending, Version: 1, UpdatedAt: fixed.CreatedAt, ReservedUntil: now.ReservedUntil}
}

// stateWhenMade is what create.lua has answered of the state when it made the purchase.
func stateWhenMade(r redisdb.Result) state {
	if len(r.Values) > createdOuts { // as in layout 1
		return fromResult(r, 2)
	}
	return state{ReservedUntil: r.Int(2)}
}

// Where a successful script says, after the state, what else there is to count:
// create.lua and pay.lua how many products were sold out, refund.lua what had been
// refunded before. It is the last value, also of a compact record.
const (
	createdOuts = 8
	movedExtra  = 6
)

// merge sums duplicate lines of one product at one price, so that two lines
// cannot each pass a check that their sum would fail.
func merge(lines []Line) []Line {
	type same struct {
		product string
		price   money.Money
		agreed  bool
	}
	at, merged := map[same]int{}, []Line{}
	for _, line := range lines {
		key := same{product: line.ProductID}
		if line.UnitPrice != nil {
			key.price, key.agreed = *line.UnitPrice, true
		}
		if i, known := at[key]; known {
			merged[i].Quantity += line.Quantity
			continue
		}
		at[key] = len(merged)
		merged = append(merged, line)
	}
	return merged
}

// NotFound is the refusal of an id that no purchase has, or that is not the caller's.
func NotFound() error {
	return fault.New(fault.NotFound, "no-purchase", "There is no purchase with this id.")
}
