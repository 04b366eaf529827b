package load

import (
	"math/rand/v2"
	"time"

	"evergreen/services/internal/drill/history"
)

// mix decides what is done next. Its draws follow from the seed; what they are
// applied to, such as the purchases that can be paid, depends on the shop's answers.
type mix struct {
	load *Load
	rand *rand.Rand
}

func newMix(l *Load, stream uint64) *mix {
	return &mix{load: l, rand: rand.New(rand.NewPCG(l.options.Seed, stream))}
}

// chance is true in so many of 100 cases.
func (m *mix) chance(percent int) bool { return m.rand.IntN(100) < percent }

// from gives a number from least to most.
func (m *mix) from(least, most int64) int64 { return least + m.rand.Int64N(most-least+1) }

func (m *mix) staff() *person    { return m.load.staff[m.rand.IntN(len(m.load.staff))] }
func (m *mix) customer() *person { return m.load.customers[m.rand.IntN(len(m.load.customers))] }
func (m *mix) product() string   { return m.load.products[m.rand.IntN(len(m.load.products))] }

// scarceEvery says which of the products are scarce, the first among them: their stock
// runs out and is topped up, by somewhat less than is asked for.
const scarceEvery = 4

func isScarce(product int) bool { return product%scarceEvery == 0 }

// write gives the next write: more than half are purchases.
func (m *mix) write() []task {
	switch n := m.rand.IntN(100); {
	case n < 55:
		return []task{m.keyed(m.buy())}
	case n < 80:
		return m.move()
	case n < 92:
		return []task{m.keyed(m.adjust())}
	default:
		return []task{m.keyed(m.edit())}
	}
}

// keyed gives half of the writes a key. Some of those are sent once more, or twice
// at once.
func (m *mix) keyed(t task) task {
	t.keyed, t.twice, t.again = m.chance(50), m.chance(6), m.chance(m.load.options.Again)
	t.twice, t.again = t.twice && t.keyed, t.again && t.keyed
	t.after = time.Duration(m.rand.Int64N(int64(2 * time.Second)))
	t.op.Client = t.who.number
	return t
}

// buy is a purchase of one to three products, half of the time by an admin.
func (m *mix) buy() task {
	customer := m.customer()
	op := history.Op{Kind: history.Buy, User: customer.user}
	lines := min(1+m.rand.IntN(3), len(m.load.products))
	for _, i := range m.rand.Perm(len(m.load.products))[:lines] {
		op.Lines = append(op.Lines, history.Line{Product: m.load.products[i], Quantity: m.from(1, 3)})
	}
	if m.chance(50) {
		return task{op: op, who: m.staff(), marked: true}
	}
	return task{op: op, who: customer}
}

// move pays or cancels a pending purchase; a tenth of them both at once, by two
// people, of whom one has to be refused.
func (m *mix) move() []task {
	b, found := m.load.shop.take(m.rand.IntN)
	if !found {
		return []task{m.keyed(m.buy())}
	}
	pay := m.keyed(task{op: history.Op{Kind: history.Pay, Purchase: b.id}, who: m.staff()})
	cancel := m.keyed(task{op: history.Op{Kind: history.Cancel, Purchase: b.id}, who: m.staff()})
	switch n := m.rand.IntN(10); {
	case n < 5:
		return []task{pay}
	case n < 9:
		return []task{cancel}
	}
	return []task{pay, cancel}
}

// adjust tops up, the scarce products more often than the others; a fifth take
// something away, which a scarce product may not have.
func (m *mix) adjust() task {
	at := m.rand.IntN(len(m.load.products))
	if m.chance(50) {
		at -= at % scarceEvery
	}
	op := history.Op{Kind: history.Adjust, Product: m.load.products[at], Delta: m.from(1, 12)}
	if m.chance(20) {
		op.Delta = -m.from(1, 10)
	}
	return task{op: op, who: m.staff()}
}

// edit is based on the newest version that anybody saw, and in a tenth of the cases
// on an older one, which has to be refused.
func (m *mix) edit() task {
	edited := m.load.products[:len(m.load.products)-m.load.options.Unedited]
	return m.editOf(edited[m.rand.IntN(len(edited))])
}

func (m *mix) editOf(product string) task {
	op := history.Op{Kind: history.Edit, Product: product}
	op.IfMatch = m.load.shop.version(op.Product)
	if m.chance(10) && op.IfMatch > 1 {
		op.IfMatch--
	}
	return task{op: op, who: m.staff()}
}

// read gives the next read. Few are strong, for those cost as much as writes and
// enter the check for linearizability.
func (m *mix) read() []task {
	t, found := task{}, false
	switch n := m.rand.IntN(100); {
	case n < 12:
		t = m.any()
		t.op.Strength, found = history.Strong, true
	case n < 56:
		t, found = m.own()
	}
	if !found {
		t = m.any()
	}
	t.op.Client = t.who.number
	return []task{t}
}

// any reads a product, or a purchase as its buyer or as an admin.
func (m *mix) any() task {
	b, found := m.load.shop.lately(m.rand.IntN)
	if !found || m.chance(50) {
		return task{op: history.Op{Kind: history.ReadProduct, Product: m.product()}, who: m.customer()}
	}
	t := task{op: history.Op{Kind: history.ReadPurchase, Purchase: b.id}, who: m.staff()}
	if m.chance(50) {
		t.who = m.load.buyer(b.user)
	}
	return t
}

// own reads, with a token, what the reader wrote before.
func (m *mix) own() (task, bool) {
	who := m.staff()
	if m.chance(40) {
		who = m.customer()
	}
	object, token, found := who.own(m.rand.IntN)
	op := history.Op{Kind: history.ReadPurchase, Purchase: object.purchase, Strength: history.Token, Token: token}
	if object.product != "" {
		op.Kind, op.Product = history.ReadProduct, object.product
	}
	return task{op: op, who: who}, found
}

// buyer is the customer with this id.
func (l *Load) buyer(user string) *person {
	for _, c := range l.customers {
		if c.user == user {
			return c
		}
	}
	return l.staff[0]
}
