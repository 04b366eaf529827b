package load

import (
	"sync"

	"evergreen/services/internal/drill/history"
)

// remembered is how many of the newest things a memory holds.
const remembered = 128

// bought is a purchase that was acknowledged.
type bought struct{ id, user string }

// newest holds the last things that were added.
type newest[T any] struct {
	items []T
	next  int
}

func (n *newest[T]) add(item T) {
	if len(n.items) < remembered {
		n.items = append(n.items, item)
		return
	}
	n.items[n.next] = item
	n.next = (n.next + 1) % remembered
}

// pick gives one of them; draw(n) gives a number below n. False: there is none.
func (n *newest[T]) pick(draw func(int) int) (item T, found bool) {
	if len(n.items) == 0 {
		return item, false
	}
	return n.items[draw(len(n.items))], true
}

// knowledge is what the clients together know of the shop: what there is to pay,
// to cancel, to edit and to read.
type knowledge struct {
	mu       sync.Mutex
	versions map[string]int64 // of the products, the newest that anybody saw
	seen     map[string]bool  // purchases
	pending  []bought         // that nobody has begun to pay or to cancel
	recent   newest[bought]   // made, paid or cancelled lately
}

func newKnowledge() *knowledge {
	return &knowledge{versions: map[string]int64{}, seen: map[string]bool{}}
}

// learn takes in what an answer showed.
func (k *knowledge) learn(op history.Op) {
	if op.Outcome != history.Done {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if op.Version != 0 {
		k.versions[op.Product] = max(k.versions[op.Product], op.Version)
	}
	// A retry is answered with the same purchase, which is to be paid once.
	if op.Kind == history.Buy && !k.seen[op.Purchase] {
		k.seen[op.Purchase] = true
		b := bought{op.Purchase, op.User}
		k.pending = append(k.pending, b)
		k.recent.add(b)
	}
}

func (k *knowledge) version(product string) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.versions[product]
}

// take gives a pending purchase away, to be paid or cancelled, and has it read more
// often from now on. False: there is none.
func (k *knowledge) take(draw func(int) int) (bought, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.pending) == 0 {
		return bought{}, false
	}
	at, last := draw(len(k.pending)), len(k.pending)-1
	b := k.pending[at]
	k.pending[at] = k.pending[last]
	k.pending = k.pending[:last]
	k.recent.add(b)
	return b, true
}

func (k *knowledge) lately(draw func(int) int) (bought, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.recent.pick(draw)
}

// wrote is an object that somebody changed.
type wrote struct{ product, purchase string }

// person is one client. Staff share the admin's session, but each has a
// Consistency-Token of their own, for each looks at what they did themselves.
type person struct {
	number int
	client *Client
	user   string // "" for staff

	mu    sync.Mutex
	token string // as the shop has given it
	wrote newest[wrote]
}

// learn keeps the token of a write and what it changed. Of tokens that overtake each
// other the greatest counts: it stands for all that this person was answered.
func (p *person) learn(op history.Op) {
	if !op.Kind.Write() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if history.Number(op.NewToken) > history.Number(p.token) {
		p.token = op.NewToken
	}
	if op.Outcome == history.Done && op.NewToken != "" {
		p.wrote.add(wrote{product: op.Product, purchase: op.Purchase})
	}
}

// own gives something that this person wrote, and the token to read it with.
func (p *person) own(draw func(int) int) (object wrote, token string, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	object, found = p.wrote.pick(draw)
	return object, p.token, found
}
