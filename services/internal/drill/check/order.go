package check

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Porcupine tries the actions in the order in which they began, and remembers
// every set of them that it has tried. After a failover hundreds of purchases
// that had been held end at once, and the sets of those are too many. The search
// here knows what Porcupine cannot: purchases of the same size are as good as
// each other, so the one that must end first goes first; what only observes goes
// as soon as it fits; what nobody observes may wait until it must. What it finds
// is only a proposal: Porcupine is given the history with each action's time
// narrowed to its place in the proposed order, and judges that.

// widths are how many partial orders are followed at once, in turn, until an
// order is found. Most histories need the first.
func widths() []int { return []int{32, 512, 4096} }

// edge is the begin or the end of an action.
type edge struct {
	at  time.Duration
	end bool
	a   int // index of the action
}

// search looks for an order of one product's actions.
type search struct {
	actions  []*action
	edges    []edge
	endEdge  []int     // of each action, math.MaxInt if it never ended
	up, down []int64   // of the actions that begin before each edge: pieces that they may add or take
	edits    []int64   // versions that they may make
	keys     []uint64  // random, to tell sets of actions apart
	class    []variety // what an action is, apart from its times
}

// variety is what makes two actions interchangeable.
type variety struct {
	delta, need, stock, version int64
	edit, exact, known          bool
}

// partial is a partial order: the actions that were put in order, newest first,
// and what remains of those that have begun.
type partial struct {
	state    product
	next     int // the next edge
	open     []int
	watching []int // open actions that change nothing
	set      uint64
	seen     int // observations explained
	last     *link
}

type link struct {
	a    int
	prev *link
}

// stuck is where a search ended without an order.
type stuck struct {
	best     *partial
	complete bool // nothing was left untried: there is no order
}

func newSearch(actions []*action) *search {
	s := &search{actions: actions, endEdge: make([]int, len(actions)), keys: make([]uint64, len(actions)), class: make([]variety, len(actions))}
	seed := uint64(0x9e3779b97f4a7c15)
	for i, a := range actions {
		s.edges = append(s.edges, edge{a.start, false, i})
		if a.end != never {
			s.edges = append(s.edges, edge{a.end, true, i})
		}
		s.endEdge[i] = math.MaxInt
		seed = mix(seed)
		s.keys[i] = seed
		s.class[i] = variety{a.delta, a.need, a.stock, a.version, a.edit, a.exact, a.known}
	}
	slices.SortStableFunc(s.edges, func(x, y edge) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(b2i(x.end), b2i(y.end))) // what touches overlaps
	})
	s.totals()
	return s
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// mix is the step of the splitmix64 generator, good enough to tell sets apart.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// totals sums up, edge by edge, what may still come: it shows early that a stock
// which somebody saw cannot be reached any more.
func (s *search) totals() {
	n := len(s.edges)
	s.up, s.down, s.edits = make([]int64, n+1), make([]int64, n+1), make([]int64, n+1)
	for i, e := range s.edges {
		s.up[i+1], s.down[i+1], s.edits[i+1] = s.up[i], s.down[i], s.edits[i]
		a := s.actions[e.a]
		if e.end {
			s.endEdge[e.a] = i
			continue
		}
		s.up[i+1] += max(a.delta, 0)
		s.down[i+1] += min(a.delta, 0)
		s.edits[i+1] += int64(b2i(a.edit))
	}
}

// find gives an order of the actions, or where it got stuck.
func (s *search) find(first product, deadline time.Time) ([]*action, *stuck) {
	var at *stuck
	for _, width := range widths() {
		order, failed := s.within(first, width, deadline)
		if failed == nil {
			return order, nil
		}
		if at == nil || failed.complete || failed.best.next > at.best.next {
			at = failed
		}
		if failed.complete || time.Now().After(deadline) {
			break
		}
	}
	return nil, at
}

// within follows up to width partial orders, all of the same length.
func (s *search) within(first product, width int, deadline time.Time) ([]*action, *stuck) {
	begin := &partial{state: first}
	s.advance(begin)
	beam := []*partial{begin}
	failed := &stuck{best: begin, complete: true}
	for len(beam) > 0 {
		known := map[uint64]bool{}
		var next []*partial
		for _, p := range beam {
			if p.next > failed.best.next {
				failed.best = p
			}
			if p.next == len(s.edges) {
				return s.order(p), nil
			}
			next = s.extend(p, known, next)
		}
		if len(next) > width {
			failed.complete = false
			slices.SortStableFunc(next, func(a, b *partial) int {
				return cmp.Or(cmp.Compare(b.seen, a.seen), cmp.Compare(b.next, a.next))
			})
			next = next[:width]
		}
		if time.Now().After(deadline) {
			failed.complete = false
			return nil, failed
		}
		beam = next
	}
	return nil, failed
}

// extend puts one more action in order, in all ways that matter.
func (s *search) extend(p *partial, known map[uint64]bool, next []*partial) []*partial {
	due := s.edges[p.next].a
	if len(p.watching) == 0 && s.plain(p.open) {
		if _, possible := p.state.step(s.actions[due]); possible {
			return s.keep(p, due, known, next)
		}
	}
	tried := make([]variety, 0, 8)
	for _, a := range p.open {
		if slices.Contains(tried, s.class[a]) {
			continue
		}
		tried = append(tried, s.class[a])
		if _, possible := p.state.step(s.actions[a]); possible {
			next = s.keep(p, a, known, next)
		}
	}
	return next
}

// plain says that none of the open actions observes anything: then nothing is
// gained by doing more than what is due.
func (s *search) plain(open []int) bool {
	for _, a := range open {
		if s.actions[a].observes() {
			return false
		}
	}
	return true
}

func (s *search) keep(p *partial, a int, known map[uint64]bool, next []*partial) []*partial {
	q := &partial{next: p.next, seen: p.seen, last: &link{a, p.last}, set: p.set ^ s.keys[a]}
	q.state, _ = p.state.step(s.actions[a])
	q.open = make([]int, 0, len(p.open)+4)
	for _, o := range p.open {
		if o != a {
			q.open = append(q.open, o)
		}
	}
	q.watching = slices.Clone(p.watching)
	s.advance(q)
	if known[q.set] || !s.hopeful(q) {
		return next
	}
	known[q.set] = true
	return append(next, q)
}

// advance explains what can be explained by the state as it is, and goes on to
// the end of the first action that has not been put in order yet.
func (s *search) advance(p *partial) {
	p.watching = slices.DeleteFunc(p.watching, func(a int) bool { return s.explain(p, a) })
	for ; p.next < len(s.edges); p.next++ {
		e := s.edges[p.next]
		a := s.actions[e.a]
		switch {
		case e.end:
			if slices.Contains(p.open, e.a) || slices.Contains(p.watching, e.a) {
				return
			}
		case a.changes():
			at, _ := slices.BinarySearchFunc(p.open, e.a, func(x, y int) int { return cmp.Compare(s.endEdge[x], s.endEdge[y]) })
			p.open = slices.Insert(p.open, at, e.a)
		case !s.explain(p, e.a):
			p.watching = append(p.watching, e.a)
		}
	}
}

func (s *search) explain(p *partial, a int) bool {
	if _, possible := p.state.step(s.actions[a]); !possible {
		return false
	}
	p.seen++
	p.set ^= s.keys[a]
	p.last = &link{a, p.last}
	return true
}

// hopeful says that each open observation can still come true.
func (s *search) hopeful(p *partial) bool {
	var up, down, edits int64
	for _, o := range p.open {
		a := s.actions[o]
		up, down, edits = up+max(a.delta, 0), down+min(a.delta, 0), edits+int64(b2i(a.edit))
	}
	can := func(o int) bool {
		a, end := s.actions[o], min(s.endEdge[o], len(s.edges)-1)
		if a.optional {
			return true
		}
		// What begins between the next edge and the end of the observation.
		more, less, newer := s.up[end]-s.up[p.next], s.down[end]-s.down[p.next], s.edits[end]-s.edits[p.next]
		least, most := p.state.stock+down+less, p.state.stock+up+more
		return (!a.exact || a.stock >= least && a.stock <= most) && most >= a.need && (a.below == 0 || least < a.below) &&
			(!a.known || a.version >= p.state.version && a.version <= p.state.version+edits+newer)
	}
	for _, o := range p.watching {
		if !can(o) {
			return false
		}
	}
	for _, o := range p.open {
		if s.actions[o].observes() && !can(o) {
			return false
		}
	}
	return true
}

// order unrolls a partial order that has come to the end.
func (s *search) order(p *partial) []*action {
	var order []*action
	for l := p.last; l != nil; l = l.prev {
		order = append(order, s.actions[l.a])
	}
	slices.Reverse(order)
	return order
}
