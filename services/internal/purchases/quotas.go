package purchases

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/redisdb"
)

// Quotas bound what customers can hold by purchases that are not paid.
type Quotas struct {
	// OpenPurchases, OpenLines and OpenPieces are of one customer's pending purchases.
	OpenPurchases, OpenLines, OpenPieces int
	// ProductPieces is how many pieces of one product they may hold.
	ProductPieces int
	// CoolDown is for how long a customer cannot buy a product after letting a purchase of it expire. A cancellation
	// counts a third of it; when they add up to more than it, the customer waits for the rest. 0 is no cool-down.
	CoolDown time.Duration
	// SharePercent of the store's memory is for pending, cancelled and expired purchases of customers that have not
	// paid for a purchase yet, and once more for those of all others; AddressPercent of it for those of one address.
	SharePercent, AddressPercent int
	// off takes the quotas out; only a program built for the drill can.
	off bool
}

// Buyer is for whom a purchase is made, and who makes it.
type Buyer struct {
	// ID is the user that buys.
	ID string
	// Counted is false for what an admin makes: no quota holds it back, and it counts for none.
	Counted bool
	// Address is the name of the network address that asks; see AddressNames.
	Address string
	// Stored is told how many bytes the purchase takes in the store, about, once it is made; it may be nil.
	Stored func(bytes int)
	// Left is told how many bytes a long refusal takes, which the store remembers; it may be nil.
	Left func(bytes int)
}

// longBytes is from which size on a remembered refusal is counted besides what every one of them takes.
const longBytes = 64

// told tells what the buyer's request has left in the store.
func (b Buyer) told(d draft, r redisdb.Result) {
	if r.Replayed {
		return
	}
	if r.Code == 0 {
		if b.Stored != nil {
			b.Stored(d.bytes)
		}
		return
	}
	bytes := 0
	for _, v := range r.Values {
		bytes += len(v) + 1 // a number takes no more than its digits and one byte
	}
	if bytes > longBytes && b.Left != nil {
		b.Left(bytes)
	}
}

// HasPaid reports whether a customer has paid for a purchase. It asks a replica of the store. Before layout 3 it is not
// noted of all of them, and every customer counts as one.
func (s *Store) HasPaid(ctx context.Context, user string) (bool, error) {
	if !s.db.InForce(countedFrom) {
		return true, nil
	}
	found, err := s.db.Hash(redisdb.FromReplica(ctx), redisdb.KeyHeld(user), "paid")
	return found["paid"] != "", err
}

// coolDownMillis is what an expiry and a cancellation add to a cool-down.
func (q Quotas) coolDownMillis(status string, byCustomer bool) int64 {
	switch {
	case status == Expired:
		return 2 * q.CoolDown.Milliseconds()
	case byCustomer:
		return q.CoolDown.Milliseconds() / 3
	}
	return 0
}

// How long a customer is asked to wait at a quota: until one of their purchases may have ended, and until old ones
// may have been purged.
const (
	waitForOpen  = time.Minute
	waitForShare = 10 * time.Second
)

// countedFrom is the layout from which on purchases are counted: older programs would not count what they move.
const countedFrom = 3

// The kinds of customers whose unpaid purchases have a share of their own.
const (
	customersNew   = "new"
	customersKnown = "known"
)

// What a purchase takes besides its lines and its external_ref, in bytes: its hash, its entries in the lists, its
// event. A test holds the sum against what Redis says.
const (
	purchaseBytes = 950
	refBytes      = 180
	// A hash that has a value above so many bytes is stored in a form that takes more.
	smallValueBytes = 64
	largeHashBytes  = 300
	// The counts of a customer (evg:held:USER) take so many bytes, and so many for each product of a purchase. In a hash
	// of more than 512 fields a product takes three times as many, and only a purchase of few products is sure not to
	// make it so large: 100 purchases of 20 products each take at most 1.3 times what is counted.
	heldBytes, heldProductBytes = 100, 24
	largeHeldProductBytes       = 72
	fewProducts                 = 20
)

// countedBytes estimates what the counts of a customer take for a purchase of so many products.
func countedBytes(products int) int {
	if products <= fewProducts {
		return heldBytes + heldProductBytes*products
	}
	return heldBytes + largeHeldProductBytes*products
}

// storedBytes estimates what a purchase takes in the store; packed is the size of its lines.
func storedBytes(packed int, externalRef string) int {
	bytes := purchaseBytes + packed + packed/4 // memory is given out in steps
	if packed > 2*smallValueBytes {
		bytes += largeHashBytes
	}
	if externalRef != "" {
		bytes += refBytes + 2*len(externalRef)
	}
	return bytes
}

// share is how many bytes the unpaid purchases of either kind of customers may take; 0 while the store's size is not known.
func (s *Store) share() int64 { return s.memory() * int64(s.quotas.SharePercent) / 100 }

// overQuota gives the error for a purchase that a quota refuses, and counts it.
func (s *Store) overQuota(r redisdb.Result, d draft, in CreateInput) error {
	if r.Refusal == "max-per-customer" {
		if !r.Replayed {
			s.metrics.Refused("max-per-customer")
		}
		return mark(perCustomer(r, d, in), r)
	}
	err := s.quotas.refusal(r, d, in)
	if err == nil {
		return nil
	}
	s.metrics.Refused(err.Code)
	if err.Code == "quota-share" || err.Code == "quota-address" {
		s.wakePurger()
	}
	return err
}

// refusal maps the names of quota.lua to errors; nil for any other name.
func (q Quotas) refusal(r redisdb.Result, d draft, in CreateInput) *fault.Error {
	switch r.Refusal {
	case "quota-open-purchases":
		return tooMany("quota-open-purchases", fmt.Sprintf(
			"You may have %d unpaid purchases. Pay or cancel one of them, or wait until one has expired.", q.OpenPurchases), waitForOpen)
	case "quota-open-lines":
		return tooMany("quota-open-lines", fmt.Sprintf("Your unpaid purchases may have %d lines in all.", q.OpenLines), waitForOpen)
	case "quota-open-pieces":
		return tooMany("quota-open-pieces", fmt.Sprintf("Your unpaid purchases may hold %d pieces in all.", q.OpenPieces), waitForOpen)
	case "quota-product-pieces":
		return tooMany("quota-product-pieces", fmt.Sprintf(
			"Your unpaid purchases may hold %d pieces of one product.", q.ProductPieces), waitForOpen,
			left(r, d, in))
	case "cool-down":
		return tooMany("cool-down",
			"You have let purchases of this product expire or cancelled them. Retry-After says when you can buy it again.",
			time.Duration(r.Int(0))*time.Millisecond)
	case "quota-share":
		return tooMany("quota-share", "There is no room for more unpaid purchases at the moment.", waitForShare)
	case "quota-address":
		return tooMany("quota-address",
			"There is no room for more unpaid purchases from your network address at the moment.", waitForShare)
	}
	return nil
}

// perCustomer is the refusal of more pieces than max_per_customer allows.
func perCustomer(r redisdb.Result, d draft, in CreateInput) error {
	return fault.New(fault.Conflict, "max-per-customer", "One customer may not buy so many pieces of this product.", left(r, d, in))
}

// left says how many pieces of a product the customer may still reserve; the script gives its number and that.
func left(r redisdb.Result, d draft, in CreateInput) fault.Field {
	pointer, product := line(d, in, r.Int(0))
	available := r.Int(1)
	return fault.Field{Pointer: pointer + "/quantity", Code: "too-large", ProductID: product, Available: &available,
		Detail: "You may reserve " + strconv.FormatInt(available, 10) + " more."}
}

func tooMany(code, detail string, wait time.Duration, fields ...fault.Field) *fault.Error {
	return &fault.Error{Kind: fault.TooMany, Code: code, Detail: detail, RetryAfter: wait, Fields: fields}
}
