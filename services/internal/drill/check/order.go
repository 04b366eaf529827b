package check

import (
	"cmp"
	"math"
	"slices"
	"time"

	"evergreen/services/internal/drill/history"
)

// Porcupine tries the actions in the order in which they began, and remembers
// every set of them that it has tried. After a failover hundreds of purchases
// that had been held end at once, and the sets of those are too many. The search
// here knows what Porcupine cannot: how the shop works. Each API replica submits
// groups, one after the other, and an answer's Consistency-Token is the number of
// its group; a purchase's id tells when it was made; purchases of the same size
// are as good as each other; what only observes goes as soon as it fits, and what
// nobody observes may wait until it must. What it finds is only a proposal:
// Porcupine is given the history with each action's time narrowed to its place in
// the proposed order, and judges that. So no mistake in here can make a false
// history pass.

// plan is one way to search.
type plan struct {
	width   int  // how many partial orders are followed at once
	guided  bool // groups are done one after the other
	number  bool // of two that are as good as each other, the earlier group's goes first, not the one that must end first
	arrival bool // those orders are followed that keep the order of arrival, not those that explain most
}

// plans are tried in turn. Most histories need the first; what has no answers
// that tell of groups needs one that is not guided.
func plans() []plan {
	return []plan{
		{width: 32, guided: true},
		{width: 32, guided: true, number: true},
		{width: 32, guided: true, arrival: true},
		{width: 128, guided: true},
		{width: 128, guided: true, number: true},
		{width: 512, guided: true},
		{width: 512, guided: true, number: true},
		{width: 1024, guided: true, arrival: true},
		{width: 512},
		{width: 4096, guided: true, number: true},
		{width: 4096},
	}
}

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
	groups   []group   // that each action was submitted in
	least    []int64   // of the groups of the actions that begin from each edge on, the earliest
	plan     plan
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
	strayed  int // pairs of one group that are not in the order of their arrival
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

func newSearch(actions []*action, of func(*operation) group) *search {
	s := &search{actions: actions, endEdge: make([]int, len(actions)), keys: make([]uint64, len(actions)), class: make([]variety, len(actions))}
	seed := uint64(0x9e3779b97f4a7c15)
	for i, a := range actions {
		s.groups = append(s.groups, of(a.op))
		s.edges = append(s.edges, edge{max(a.start, s.groups[i].made), false, i})
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

// before is the order in which a partial order keeps its open actions: of two
// that are as good as each other the one that must end first is never wrong.
func (s *search) before(x, y int) int {
	if s.plan.number && s.groups[x].number != s.groups[y].number {
		return cmp.Compare(s.groups[x].number, s.groups[y].number)
	}
	return cmp.Compare(s.endEdge[x], s.endEdge[y])
}

// totals sums up, edge by edge, what may still come: it shows early that a stock
// which somebody saw cannot be reached any more.
func (s *search) totals() {
	n := len(s.edges)
	s.up, s.down, s.edits = make([]int64, n+1), make([]int64, n+1), make([]int64, n+1)
	s.least = make([]int64, n+1)
	s.least[n] = math.MaxInt64
	for i := n - 1; i >= 0; i-- {
		if s.least[i] = s.least[i+1]; !s.edges[i].end {
			s.least[i] = min(s.least[i], s.groups[s.edges[i].a].number)
		}
	}
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
	for _, plan := range plans() {
		s.plan = plan
		order, failed := s.follow(first, deadline)
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

// follow goes by the plan: all partial orders that it follows are of one length.
func (s *search) follow(first product, deadline time.Time) ([]*action, *stuck) {
	begin := &partial{state: first}
	s.advance(begin)
	beam := []*partial{begin}
	failed := &stuck{best: begin, complete: !s.plan.guided}
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
		if len(next) > s.plan.width {
			failed.complete = false
			slices.SortStableFunc(next, s.better)
			next = next[:s.plan.width]
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
	earliest := s.earliest(p)
	tried := make([]variety, 0, 16)
	for _, a := range p.open {
		if slices.Contains(tried, s.class[a]) || s.groups[a].after >= earliest {
			continue
		}
		tried = append(tried, s.class[a])
		if _, possible := p.state.step(s.actions[a]); possible {
			next = s.keep(p, a, known, next)
		}
	}
	return next
}

// earliest is the number of the earliest group that is not in order yet: none
// goes next that was submitted after it. Without guidance that holds back nobody.
func (s *search) earliest(p *partial) int64 {
	if !s.plan.guided {
		return math.MaxInt64
	}
	earliest := s.least[p.next]
	for _, a := range p.open {
		earliest = min(earliest, s.groups[a].number)
	}
	for _, a := range p.watching {
		earliest = min(earliest, s.groups[a].number)
	}
	return earliest
}

// better sorts partial orders by how much is to be hoped of them.
func (s *search) better(a, b *partial) int {
	if s.plan.arrival {
		return cmp.Or(cmp.Compare(a.strayed, b.strayed), cmp.Compare(b.seen, a.seen))
	}
	return cmp.Or(cmp.Compare(b.seen, a.seen), cmp.Compare(a.strayed, b.strayed), cmp.Compare(b.next, a.next))
}

// overtaken is how many of the open actions of its group an action goes before
// although they began before it and were answered before it. A group is done in
// the order of its arrival; that is not known, but one of the two is mostly right.
func (s *search) overtaken(open []int, a int) (n int) {
	x, group := s.actions[a], s.groups[a]
	if x.op == nil || x.op.Kind == history.Cancel { // which reads once more before it answers
		return 0
	}
	for _, o := range open {
		if y := s.actions[o]; s.groups[o].together(group) && y.start < x.start && y.end < x.end {
			n++
		}
	}
	return n
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
	q := &partial{next: p.next, seen: p.seen + b2i(s.actions[a].observes()), last: &link{a, p.last}, set: p.set ^ s.keys[a]}
	q.state, _ = p.state.step(s.actions[a])
	q.strayed = p.strayed + s.overtaken(p.open, a)
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
			at, _ := slices.BinarySearchFunc(p.open, e.a, s.before)
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
	for _, o := range p.watching {
		if !s.reachable(p, o) {
			return false
		}
	}
	for _, o := range p.open {
		if s.actions[o].observes() && !s.reachable(p, o) {
			return false
		}
	}
	return true
}

// reachable compares what an observation demands with what the actions that may
// go before it can make of the state: those that are open, and those that begin
// before its end.
func (s *search) reachable(p *partial, o int) bool {
	a := s.actions[o]
	if a.optional {
		return true
	}
	end := min(s.endEdge[o], len(s.edges)-1)
	most, least := p.state.stock+s.up[end]-s.up[p.next], p.state.stock+s.down[end]-s.down[p.next]
	newest := p.state.version + s.edits[end] - s.edits[p.next]
	for _, other := range p.open {
		if other == o || s.plan.guided && s.groups[other].after >= s.groups[o].number {
			continue
		}
		b := s.actions[other]
		most, least, newest = most+max(b.delta, 0), least+min(b.delta, 0), newest+int64(b2i(b.edit))
	}
	return (!a.exact || a.stock >= least && a.stock <= most) && most >= a.need && (a.below == 0 || least < a.below) &&
		(!a.known || a.version >= p.state.version && a.version <= newest)
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
