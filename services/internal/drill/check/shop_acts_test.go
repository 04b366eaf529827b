package check

import (
	"fmt"
	"slices"
	"time"

	"evergreen/services/internal/drill/history"
)

// perform does an operation now, and answers it.
func (s *shop) perform(op history.Op) history.Op {
	s.made++
	if !op.Kind.Write() {
		return s.look(op)
	}
	if first, known := s.outcomes[op.Key]; op.Key != "" && known && !s.forgets(first) {
		first.ID, first.Start, first.Replayed = op.ID, op.Start, true
		if s.broken("replays-another-body", 0.5) {
			first.Body += "!"
		}
		return first
	}
	op = s.change(op)
	if op.Key != "" {
		s.outcomes[op.Key] = op
	}
	return op
}

func (s *shop) forgets(first history.Op) bool {
	return s.broken("forgets-keys", 0.8) || first.Outcome == history.Refused && s.broken("forgets-refusals", 0.8)
}

func (s *shop) change(op history.Op) history.Op {
	switch op.Kind {
	case history.Buy:
		return s.buy(op)
	case history.Pay:
		return s.move(op, paid)
	case history.Cancel:
		return s.move(op, cancelled)
	case history.Adjust:
		return s.adjust(op)
	}
	return s.edit(op)
}

func refuse(op history.Op, status int, code string) history.Op {
	op.Outcome, op.Status, op.Code = history.Refused, status, code
	return op
}

func accept(op history.Op, status int) history.Op {
	op.Outcome, op.Status, op.Body = history.Done, status, fmt.Sprint("body of ", op.ID)
	return op
}

func (s *shop) buy(op history.Op) history.Op {
	short := map[string]int64{}
	for product, quantity := range quantities(op.Lines) {
		if stock := s.shelf(product).now.Stock; stock < quantity || s.broken("refuses-in-plenty", 0.05) {
			short[product] = stock
		}
	}
	if s.broken("oversells", 0.8) {
		clear(short)
	}
	if len(short) > 0 {
		op.Short = short
		return refuse(op, 409, "insufficient-stock")
	}
	op.Purchase = fmt.Sprintf("purchase-%06d", s.made)
	o := &order{Purchase: history.Purchase{ID: op.Purchase, User: op.User, Mark: op.Mark, Lines: op.Lines}}
	if op.Mark == 0 {
		o.Mark = 5 // the list price
	}
	if s.broken("answers-before-it-is-kept", 0.03) {
		return accept(op, 201)
	}
	s.moved(o, pending)
	s.purchases = append(s.purchases, o)
	for product, quantity := range quantities(op.Lines) {
		p := s.shelf(product)
		p.now.Stock, p.now.Sold = p.now.Stock-quantity, p.now.Sold+quantity
		s.shown(p)
	}
	op.State = pending
	return accept(op, 201)
}

func (s *shop) move(op history.Op, to string) history.Op {
	o := s.order(op.Purchase)
	if o == nil {
		return refuse(op, 404, "no-purchase")
	}
	if o.State != pending && !s.broken("moves-twice", 0.5) {
		return refuse(op, 409, "wrong-status")
	}
	op.State = to
	if to == paid && s.broken("loses-payments", 0.1) {
		return accept(op, 200)
	}
	s.moved(o, to)
	if to == cancelled {
		s.giveBack(o)
	}
	return accept(op, 200)
}

func (s *shop) giveBack(o *order) {
	for product, quantity := range quantities(o.Lines) {
		p := s.shelf(product)
		p.now.Returned += quantity
		if !s.broken("keeps-what-comes-back", 0.1) {
			p.now.Stock += quantity
		}
		s.shown(p)
	}
}

func (s *shop) adjust(op history.Op) history.Op {
	p := s.shelf(op.Product)
	if p.now.Stock+op.Delta < 0 {
		return refuse(op, 409, "insufficient-stock")
	}
	if !s.broken("loses-adjustments", 0.1) {
		p.now.Stock, p.now.Adjusted = p.now.Stock+op.Delta, p.now.Adjusted+op.Delta
		s.shown(p)
	}
	op.Stock = p.now.Stock
	return accept(op, 200)
}

func (s *shop) edit(op history.Op) history.Op {
	p := s.shelf(op.Product)
	if p.now.Version != op.IfMatch && !s.broken("ignores-if-match", 0.8) {
		return refuse(op, 412, "stale")
	}
	if !s.broken("gives-a-version-twice", 0.3) {
		p.now.Version++
		s.shown(p)
	}
	op.Version, op.Stock = p.now.Version, p.now.Stock
	return accept(op, 200)
}

// look answers a read, from as far back as its strength allows.
func (s *shop) look(op history.Op) history.Op {
	from := s.now - time.Duration(s.IntN(1900))*time.Millisecond
	switch {
	case op.Strength == history.Strong && !s.broken("strong-reads-lag", 0.3):
		from = s.now
	case op.Strength == history.Token && !s.broken("tokens-ignored", 1):
		from = max(from, s.seqAt[token(op.Token)-1])
	case op.Strength == history.Plain && s.broken("reads-too-old", 0.3):
		from = s.now - 6*time.Second
	}
	if op.Kind == history.ReadProduct {
		was := s.shelf(op.Product).was
		at := max(0, firstAfter(len(was), func(i int) time.Duration { return was[i].at }, from)-1)
		op.Version, op.Stock = was[at].version, was[at].stock
		return accept(op, 200)
	}
	o := s.order(op.Purchase)
	if o == nil {
		return refuse(op, 404, "no-purchase")
	}
	at := max(0, firstAfter(len(o.was), func(i int) time.Duration { return o.was[i].at }, from)-1)
	op.State = o.was[at].state
	return accept(op, 200)
}

func firstAfter(n int, at func(int) time.Duration, limit time.Duration) int {
	for i := range n {
		if at(i) > limit {
			return i
		}
	}
	return n
}

// rollBack is a failover to a replica that had not got the last second, for the
// shop with that defect.
func (s *shop) rollBack() {
	if s.defect != "rolls-back" {
		return
	}
	since := s.from - time.Second
	kept := s.purchases[:0:0]
	for _, o := range s.purchases {
		if o.was[0].at > since {
			for product, quantity := range quantities(o.Lines) {
				p := s.shelf(product)
				p.now.Sold, p.now.Stock = p.now.Sold-quantity, p.now.Stock+quantity
				if o.State == cancelled {
					p.now.Returned, p.now.Stock = p.now.Returned-quantity, p.now.Stock-quantity
				}
				s.shown(p)
			}
			continue
		}
		kept = append(kept, o)
	}
	s.purchases = slices.Clip(kept)
}
