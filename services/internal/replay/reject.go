package replay

import (
	"fmt"
	"strings"

	"evergreen/services/internal/money"
)

// Rejection says why one line is not replayed.
type Rejection struct {
	Line   int // its number
	Reason Reason
	Detail string
}

// Reason is a kind of rejection.
type Reason string

// The reasons, in the order in which they are looked for: a line has one.
const (
	Unreadable       Reason = "cannot be read"
	PartOfAPenny     Reason = "price finer than a penny"
	NoGoods          Reason = "code is no goods"
	NoDescription    Reason = "no description"
	NoPrice          Reason = "price 0 or below"
	NothingSold      Reason = "quantity 0"
	Negative         Reason = "negative quantity outside a cancellation"
	Positive         Reason = "positive quantity in a cancellation"
	TooLarge         Reason = "more than the shop can hold"
	AnotherCustomers Reason = "invoice is another customer's"
)

// Reasons lists them all.
func Reasons() []Reason {
	return []Reason{Unreadable, PartOfAPenny, NoGoods, NoDescription, NoPrice, NothingSold, Negative, Positive,
		TooLarge, AnotherCustomers}
}

func reject(reason Reason, detail string, args ...any) *Rejection {
	return &Rejection{Reason: reason, Detail: fmt.Sprintf(detail, args...)}
}

func (r *Rejection) at(number int) Rejection {
	r.Line = number
	return *r
}

// What the API takes at most: pieces of one line, pieces of one product.
const (
	mostPieces = 1_000_000
	mostStock  = 1_000_000_000
)

// noGoods are codes under which a shop writes what never lay on a shelf. They
// are listed, not guessed from their looks: PADS and DCGSSBOY are goods.
var noGoods = map[string]string{
	"POST": "postage", "DOT": "postage", "C2": "carriage", "D": "a discount", "M": "an entry by hand",
	"S": "samples", "B": "a bad debt", "BANK CHARGES": "charges", "AMAZONFEE": "a fee", "CRUK": "a commission",
	"ADJUST": "a correction", "ADJUST2": "a correction", "TEST001": "a test", "TEST002": "a test",
}

// whatInstead says what a code stands for if not for goods; "" for goods. Here
// alone case does not count: m is an entry by hand like M.
func whatInstead(code string) string {
	upper := strings.ToUpper(code)
	if strings.HasPrefix(upper, "GIFT_") {
		return "a voucher"
	}
	return noGoods[upper]
}

// judge looks at a line by itself; nil lets it pass.
func judge(l Line) *Rejection {
	what := whatInstead(l.Code)
	switch {
	case what != "":
		return reject(NoGoods, "%s is %s", l.Code, what)
	case l.Name == "":
		return reject(NoDescription, "of %s", l.Code)
	case l.Price == 0:
		return reject(NoPrice, "of %s, %q", l.Code, l.Name)
	case l.Price < 0:
		return reject(NoPrice, "of %s, %q: -%s", l.Code, l.Name, pounds(-l.Price))
	case l.Pieces == 0:
		return reject(NothingSold, "of %s", l.Code)
	case l.Pieces < 0 && !l.cancels():
		return reject(Negative, "%d of %s in %s", l.Pieces, l.Code, l.Invoice)
	case l.Pieces > 0 && l.cancels():
		return reject(Positive, "%d of %s in %s", l.Pieces, l.Code, l.Invoice)
	case l.Price > money.MaxAmount || l.Pieces > mostPieces || l.Pieces < -mostPieces:
		return reject(TooLarge, "%d of %s at %s", l.Pieces, l.Code, pounds(l.Price))
	}
	return nil
}
