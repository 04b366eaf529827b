package check

import (
	"time"
)

// action is an operation as one product sees it. What it demands of the product
// is what its answer said, turned around: of the state just before it.
type action struct {
	op         *operation // nil for what the audit says
	text       string     // where op is nil, or does not say it
	start, end time.Duration
	optional   bool // it may never have happened

	delta int64 // pieces
	edit  bool  // makes the next version

	need  int64 // there have to be so many pieces
	below int64 // there have to be fewer pieces; 0: no demand
	exact bool  // there have to be exactly stock pieces
	stock int64

	known   bool // it has to be exactly this version
	version int64
	other   int64 // it has to be another version than this; 0: no demand
}

// product is a product's state.
type product struct {
	stock, version int64
	// over says that all has been seen that ever will be: what is optional and has
	// not happened until then never does.
	over bool
}

// step is the model: whether the action can happen in this state, and what
// becomes of it.
func (s product) step(a *action) (product, bool) {
	if s.over && a.optional {
		return s, true
	}
	if s.stock < a.need || a.below != 0 && s.stock >= a.below || a.exact && s.stock != a.stock ||
		a.known && s.version != a.version || a.other != 0 && s.version == a.other {
		return s, false
	}
	s.stock += a.delta
	if a.edit {
		s.version++
	}
	return s, true
}

// changes says that the action leaves another state than it found.
func (a *action) changes() bool { return a.delta != 0 || a.edit }

// observes says that more is demanded than that there is enough.
func (a *action) observes() bool { return a.below != 0 || a.exact || a.known || a.other != 0 }

func (a *action) String() string {
	if a.op == nil {
		return a.text
	}
	if a.text != "" {
		return a.op.String() + " (" + a.text + ")"
	}
	return a.op.String()
}

// ids are the requests of the actions, for a violation.
func ids(actions []*action) []int {
	var all []int
	for _, a := range actions {
		if a.op != nil {
			all = append(all, a.op.ids()...)
		}
	}
	return all
}
