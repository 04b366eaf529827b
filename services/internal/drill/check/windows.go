package check

import (
	"slices"
)

// window is what one product can have been just before an action: the state
// that everything that had ended before it left, and whatever part of what ran
// at the same time.
type window struct {
	stock    int64 // without any of the concurrent actions
	deltas   []int64
	version  int64
	versions int64 // that may have been added
}

// outside finds the actions whose answer no order whatever of the others can
// explain, each looked at alone. That is less than linearizability, but it takes
// no search, however much ran at the same time; and it says best what is wrong.
func outside(first product, actions []*action) []*action {
	var changes, found []*action
	for _, a := range actions {
		if a.changes() {
			changes = append(changes, a)
		}
	}
	for _, a := range actions {
		if a.optional {
			continue
		}
		if !windowOf(first, a, changes).admits(a) {
			found = append(found, a)
		}
	}
	return found
}

func windowOf(first product, a *action, changes []*action) window {
	w := window{stock: first.stock, version: first.version}
	for _, c := range changes {
		switch {
		case c == a || c.start > a.end:
		case c.end < a.start && !c.optional:
			w.stock += c.delta
			if c.edit {
				w.version++
			}
		default:
			if c.delta != 0 {
				w.deltas = append(w.deltas, c.delta)
			}
			if c.edit {
				w.versions++
			}
		}
	}
	return w
}

func (w window) bounds() (least, most int64) {
	least, most = w.stock, w.stock
	for _, d := range w.deltas {
		least, most = least+min(d, 0), most+max(d, 0)
	}
	return least, most
}

func (w window) admits(a *action) bool {
	least, most := w.bounds()
	if most < a.need || a.below != 0 && least >= a.below {
		return false
	}
	if a.known && (a.version < w.version || a.version > w.version+w.versions) {
		return false
	}
	if a.other != 0 && w.version == a.other && w.versions == 0 {
		return false
	}
	return !a.exact || a.stock >= least && a.stock <= most && w.reaches(a.stock)
}

// reaches says whether some of the concurrent actions make the stock.
func (w window) reaches(stock int64) bool {
	least, most := w.bounds()
	reached := make([]bool, most-least+1)
	reached[w.stock-least] = true
	for _, d := range w.deltas {
		next := slices.Clone(reached)
		for at, yes := range reached {
			if to := int64(at) + d; yes && to >= 0 && to < int64(len(next)) {
				next[to] = true
			}
		}
		reached = next
	}
	return reached[stock-least]
}
