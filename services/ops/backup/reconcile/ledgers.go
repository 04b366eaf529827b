package reconcile

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
)

// id is a UUID.
type id [16]byte

// parseID reads a UUID in its text form.
func parseID(text string) (found id, ok bool) {
	if len(text) != 36 {
		return id{}, false
	}
	n, err := hex.Decode(found[:], []byte(strings.ReplaceAll(text, "-", "")[:min(32, len(strings.ReplaceAll(text, "-", "")))]))
	return found, err == nil && n == len(found)
}

func (i id) String() string {
	text := hex.EncodeToString(i[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// ledgers hold for each product how many pieces its ledger says are with customers, less those that its purchases say. All
// are 0 in the end.
type ledgers struct {
	ids  []id // sorted
	out  []int64
	seen []bool
}

// set makes the ledgers of these products.
func (l *ledgers) set(ids []id) {
	slices.SortFunc(ids, func(a, b id) int { return bytes.Compare(a[:], b[:]) })
	l.ids, l.out, l.seen = ids, make([]int64, len(ids)), make([]bool, len(ids))
}

// has reports whether the list of all products has a product.
func (l *ledgers) has(product id) bool { return l.at(product) >= 0 }

func (l *ledgers) at(product id) int {
	at, found := slices.BinarySearchFunc(l.ids, product, func(a, b id) int { return bytes.Compare(a[:], b[:]) })
	if !found {
		return -1
	}
	return at
}

// sold notes what a product's ledger says.
func (l *ledgers) sold(product id, pieces int64) {
	if at := l.at(product); at >= 0 {
		l.out[at] += pieces
		l.seen[at] = true
	}
}

// bought notes what a purchase says. Purchases of a product that was deleted have no ledger.
func (l *ledgers) bought(product id, pieces int64) {
	if at := l.at(product); at >= 0 {
		l.out[at] -= pieces
	}
}

func (l *ledgers) close(wrong func(string, ...any)) {
	for i, product := range l.ids {
		switch {
		case !l.seen[i]:
			wrong("product %s is in the list of all products and does not exist", product)
		case l.out[i] != 0:
			wrong("product %s: sold - returned differs by %+d from the pieces in its purchases", product, l.out[i])
		}
	}
}
