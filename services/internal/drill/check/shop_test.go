package check

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"evergreen/services/internal/drill/history"
)

// shop makes histories. It is a shop in a few lines, with virtual time, that
// keeps every promise unless a defect is built in. It stands for no server: what
// the real shop does is for the drill to find out.
type shop struct {
	sizes
	*rand.Rand
	defect string // "" for none; the others are listed in property_test.go

	now       time.Duration
	events    agenda
	h         *history.History
	products  []*shelf
	purchases []*order
	known     []*order // that some client was told of
	outcomes  map[string]history.Op
	made      int             // operations that were done
	seq       int64           // groups that have ended
	seqAt     []time.Duration // when each of them did
	group     [2]*commitGroup // of each API replica, the one that is under way
	tokens    map[int]int64   // of each client's last write
	marks     int64
}

// sizes are how large a history is.
type sizes struct {
	seed             uint64
	products, stock  int
	length           time.Duration
	writes, reads    int           // per second
	from, hold       time.Duration // nothing is done from here on for so long
	losing, retrying float64       // share of requests without an answer, and of those that are sent again
}

// small is what most tests take: busy enough for everything to happen at once.
func small(seed uint64) sizes {
	return sizes{seed: seed, products: 3, stock: 60, length: 15 * time.Second, writes: 40, reads: 30,
		from: 5 * time.Second, hold: 3 * time.Second, losing: 0.01, retrying: 0.7}
}

// commitGroup is what one API replica does together. Its number is known when it ends.
type commitGroup struct {
	ends   time.Duration
	number int64
}

type shelf struct {
	id  string
	now history.Ledger
	was []shelfAt
}

type shelfAt struct {
	at             time.Duration
	version, stock int64
}

type order struct {
	history.Purchase
	was []stateAt
}

type stateAt struct {
	at    time.Duration
	state string
}

type event struct {
	at time.Duration
	do func()
}

type agenda []event

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at < a[j].at }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(event)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// simulate makes a history.
func simulate(z sizes, defect string) *history.History {
	s := &shop{
		sizes: z, Rand: rand.New(rand.NewPCG(z.seed, 7)), defect: defect, outcomes: map[string]history.Op{}, tokens: map[int]int64{},
		h: &history.History{Fault: "simulated", Initial: map[string]history.Ledger{}, Audit: history.Audit{Products: map[string]history.Ledger{}}},
	}
	for i := range z.products {
		first := history.Ledger{Initial: int64(z.stock), Stock: int64(z.stock), Version: 1}
		p := &shelf{id: fmt.Sprint("p", i), now: first}
		s.products = append(s.products, p)
		s.h.Initial[p.id] = first
		s.shown(p)
	}
	for i := range int(z.length.Seconds() * float64(z.writes)) {
		s.at(time.Duration(i)*time.Second/time.Duration(z.writes), func() { s.begin(s.write()) })
	}
	for i := range int(z.length.Seconds() * float64(z.reads)) {
		s.at(time.Duration(i)*time.Second/time.Duration(z.reads)+time.Millisecond, func() { s.begin(s.read()) })
	}
	if z.hold > 0 {
		s.h.Events = []history.Event{{At: z.from, What: history.Fault}, {At: z.from + z.hold, What: history.Heal}}
		s.at(z.from+z.hold-time.Millisecond, s.rollBack)
	}
	for len(s.events) > 0 {
		next := heap.Pop(&s.events).(event)
		s.now = next.at
		next.do()
	}
	s.audit()
	return s.h
}

func (s *shop) at(t time.Duration, do func()) { heap.Push(&s.events, event{t, do}) }

func (s *shop) audit() {
	for _, p := range s.products {
		s.h.Audit.Products[p.id] = p.now
	}
	for _, o := range s.purchases {
		s.h.Audit.Purchases = append(s.h.Audit.Purchases, o.Purchase)
	}
	slices.SortFunc(s.h.Ops, func(a, b history.Op) int { return a.ID - b.ID })
}

func (s *shop) chance(share float64) bool { return s.Float64() < share }

// broken says that the built-in defect shows this time.
func (s *shop) broken(defect string, share float64) bool {
	return s.defect == defect && s.chance(share)
}

func (s *shop) lines() []history.Line {
	var lines []history.Line
	for _, i := range s.Perm(len(s.products))[:1+s.IntN(min(3, len(s.products)))] {
		lines = append(lines, history.Line{Product: s.products[i].id, Quantity: 1 + s.Int64N(4)})
	}
	return lines
}

// write makes up the next write.
func (s *shop) write() history.Op {
	op := history.Op{Client: s.IntN(8), Product: s.products[s.IntN(len(s.products))].id}
	if s.chance(0.7) {
		op.Key = strconv.Itoa(s.Int())
	}
	switch n := s.IntN(100); {
	case n < 12 && len(s.known) > 0:
		op.Kind, op.Purchase, op.Product = history.Pay, s.recent().ID, ""
	case n < 34 && len(s.known) > 0:
		op.Kind, op.Purchase, op.Product = history.Cancel, s.recent().ID, ""
	case n < 42:
		op.Kind, op.Delta = history.Adjust, s.Int64N(9)-2
	case n < 50:
		op.Kind, op.IfMatch = history.Edit, s.shelf(op.Product).now.Version-s.Int64N(20)/18
	default:
		op.Kind, op.Product, op.Lines, op.User = history.Buy, "", s.lines(), fmt.Sprint("user", op.Client)
		if s.chance(0.6) {
			s.marks++
			op.Mark = 1000 + s.marks
		}
	}
	return op
}

func (s *shop) recent() *order { return s.known[len(s.known)-1-s.IntN(min(12, len(s.known)))] }

func (s *shop) read() history.Op {
	op := history.Op{Client: s.IntN(8), Kind: history.ReadProduct, Product: s.products[s.IntN(len(s.products))].id}
	if s.chance(0.3) && len(s.known) > 0 {
		op.Kind, op.Purchase, op.Product = history.ReadPurchase, s.recent().ID, ""
	}
	switch n := s.IntN(3); {
	case n == 0:
		op.Strength = history.Strong
	case n == 1 && s.tokens[op.Client] > 0:
		op.Strength, op.Token = history.Token, strconv.FormatInt(s.tokens[op.Client], 10)
	}
	return op
}

func (s *shop) shelf(id string) *shelf {
	return s.products[slices.IndexFunc(s.products, func(p *shelf) bool { return p.id == id })]
}

func (s *shop) order(id string) *order {
	at := slices.IndexFunc(s.purchases, func(o *order) bool { return o.ID == id })
	if at < 0 {
		return nil
	}
	return s.purchases[at]
}

func (s *shop) shown(p *shelf) { p.was = append(p.was, shelfAt{s.now, p.now.Version, p.now.Stock}) }

func (s *shop) moved(o *order, state string) {
	o.State = state
	o.was = append(o.was, stateAt{s.now, state})
}

// begin sends a request: what it does is done at some moment before its answer,
// and while everything is held, soon after that.
func (s *shop) begin(op history.Op) {
	op.ID, op.Start = len(s.h.Ops)+1, s.now
	if op.Logical == 0 {
		op.Logical = op.ID
	}
	s.h.Ops = append(s.h.Ops, op)
	acts := s.now + time.Duration(s.IntN(6000))*time.Microsecond
	if asks(op) && acts >= s.from && acts < s.from+s.hold {
		// Nearly in the order of arrival, and more at once than anybody can tell apart.
		acts = s.from + s.hold + (s.now-s.from)/32 + time.Duration(s.IntN(20_000))*time.Microsecond
	}
	s.at(acts, func() { s.act(op) })
}

func (s *shop) act(op history.Op) {
	lost := op.Kind.Write() && s.chance(s.losing*(1+4*float64(b2i(s.now-s.from > 0 && s.now-s.from < s.hold+time.Second))))
	if op.Kind.Write() && !lost && s.chance(0.004) {
		if s.defect == "did-what-it-denied" {
			s.perform(op)
		}
		op.Outcome, op.Status, op.Code = history.NotDone, 503, "unavailable"
	} else if !lost || s.chance(0.5) {
		op = s.perform(op)
	}
	if lost {
		op = unanswered(op)
	}
	ends := s.now
	if asks(op) {
		op.ServedBy = fmt.Sprint("api-", 1+op.ID%2)
		group := s.join(op.ID % 2)
		ends = group.ends
		s.at(ends+time.Duration(500+s.IntN(9_000))*time.Microsecond, func() { s.answered(op, group.number) })
		return
	}
	s.at(ends+time.Duration(500+s.IntN(5_000))*time.Microsecond, func() { s.answered(op, 0) })
}

// join gives the group that a replica is at. All that it does within a few
// milliseconds is one group; the number is given at its end.
func (s *shop) join(replica int) *commitGroup {
	g := s.group[replica]
	if g == nil || g.number != 0 {
		g = &commitGroup{ends: s.now + 20*time.Millisecond}
		s.group[replica] = g
		s.at(g.ends, func() {
			s.seq++
			g.number = s.seq
			s.seqAt = append(s.seqAt, s.now)
		})
	}
	return g
}

func asks(op history.Op) bool { return op.Kind.Write() || op.Strength == history.Strong }

// unanswered takes away all that an answer told.
func unanswered(op history.Op) history.Op {
	blank := history.Op{ID: op.ID, Logical: op.Logical, Client: op.Client, Kind: op.Kind, Start: op.Start, Key: op.Key, User: op.User,
		Mark: op.Mark, Lines: op.Lines, Product: op.Product, Delta: op.Delta, IfMatch: op.IfMatch, Outcome: history.Unknown, Error: "EOF"}
	if op.Kind != history.Buy {
		blank.Purchase = op.Purchase
	}
	return blank
}

func (s *shop) answered(op history.Op, group int64) {
	op.End = s.now
	if op.Kind.Write() && (op.Outcome == history.Done || op.Outcome == history.Refused) {
		op.NewToken = strconv.FormatInt(group, 10)
	}
	s.h.Ops[op.ID-1] = op
	if op.NewToken != "" && op.Kind.Write() {
		s.tokens[op.Client] = max(s.tokens[op.Client], token(op.NewToken))
	}
	if op.Kind == history.Buy && op.Outcome == history.Done && !op.Replayed {
		if o := s.order(op.Purchase); o != nil {
			s.known = append(s.known, o)
		}
	}
	failed := op.Outcome == history.Unknown || op.Outcome == history.NotDone
	if op.Kind.Write() && op.Key != "" && (failed && s.chance(s.retrying) || !failed && s.chance(0.03)) {
		again := unanswered(op)
		again.Outcome, again.Error = "", ""
		s.at(s.now+time.Duration(s.IntN(200))*time.Millisecond, func() { s.begin(again) })
	}
}
