package check

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/history"
)

const (
	older = "1"
	newer = "2"
)

// upgraded is sound on two versions: api-1 runs the older one and api-2 the newer one. Each answers a purchase and a refusal
// under a key, which the other one is then asked for again. The reservation of purchase D ends, and apples have a member
// that only a version after both knows.
func upgraded() *book {
	b := sound()
	for i := range b.Ops {
		b.Ops[i].ServedBy = "api-1"
	}
	b.Events = []history.Event{
		{What: history.Program, Replica: "api-1", Text: older}, {What: history.Program, Replica: "api-2", Text: newer},
		{What: history.Quiet, At: 30 * time.Second},
	}
	for i, replica := range []string{"api-1", "api-2"} {
		other := "api-2"
		if i == 1 {
			other = "api-1"
		}
		b.both(history.Op{Kind: history.Adjust, Key: "effect of " + replica, Product: pear, Delta: 2 * int64(1-2*i), Stock: 10 - 2*int64(i)}, replica, other)
		b.both(history.Op{Kind: history.Edit, Key: "refusal of " + replica, Product: apple, IfMatch: 1, Outcome: history.Refused, Status: 412}, replica, other)
	}
	one := []history.Line{{Product: pear, Quantity: 1}}
	bought := b.add(history.Op{Kind: history.Buy, User: "eve", Mark: 1004, Lines: one, Purchase: "D", State: pending})
	b.Audit.Purchases = append(b.Audit.Purchases, history.Purchase{ID: "D", User: "eve", Mark: 1004, State: expired, Lines: one})
	b.Reservations = []history.Reservation{{Purchase: "D", Ends: bought.End + time.Second}}
	b.ledger(pear, func(l *history.Ledger) { l.Sold, l.Returned = 5, 3 })
	b.Fields = history.Fields{apple: {"body.color": `"red"`, "weight": "3"}}
	b.Audit.Fields = history.Fields{apple: {"body.color": `"red"`, "weight": "3"}}
	return b
}

// both has one replica answer, and another one replay the answer.
func (b *book) both(op history.Op, first, next string) {
	op.ServedBy = first
	op.Logical = b.add(op).ID
	op.ServedBy, op.Replayed = next, true
	b.add(op)
}

// request finds a request by its key and the replica that answered it.
func (b *book) request(key, replica string) *history.Op {
	for i := range b.Ops {
		if b.Ops[i].Key == key && b.Ops[i].ServedBy == replica {
			return &b.Ops[i]
		}
	}
	panic("no such request")
}

func TestAnUpgradeInWhichAllIsWellIsSound(t *testing.T) {
	b := upgraded()
	v := Check(&b.History)
	require.Empty(t, v.Violations)
	require.Zero(t, v.Unknown, "the end of a reservation is no request")
}

func TestEachBrokenPromiseOfAnUpgradeIsFoundByItsRuleAndNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		rule   string
		breaks func(b *book)
	}{
		"the older version does not know the newer one's effect": {RuleCrossing, func(b *book) {
			b.request("effect of api-2", "api-1").Replayed = false
		}},
		"the newer version does not know the older one's effect": {RuleCrossing, func(b *book) {
			b.request("effect of api-1", "api-2").Replayed = false
		}},
		"the older version does not know the newer one's refusal": {RuleCrossing, func(b *book) {
			b.request("refusal of api-2", "api-1").Replayed = false
		}},
		"the newer version does not know the older one's refusal": {RuleCrossing, func(b *book) {
			b.request("refusal of api-1", "api-2").Replayed = false
		}},
		"the newer version answers otherwise than the older one": {RuleKey, func(b *book) {
			b.request("effect of api-1", "api-2").Body = "other"
		}},
		"no effect was asked for at both versions": {RuleUnshown, func(b *book) {
			b.request("effect of api-1", "api-2").ServedBy = "api-1"
		}},
		"no refusal was asked for at both versions": {RuleUnshown, func(b *book) {
			b.request("refusal of api-2", "api-1").ServedBy = "api-2"
		}},
		"one version stopped before the retries": {RuleUnshown, func(b *book) {
			b.Events[1].Replica = "api-3"
		}},
		"a member of the body is gone":     {RuleField, func(b *book) { delete(b.Audit.Fields[apple], "body.color") }},
		"a member of the body is other":    {RuleField, func(b *book) { b.Audit.Fields[apple]["body.color"] = `"blue"` }},
		"a field of the hash is gone":      {RuleField, func(b *book) { delete(b.Audit.Fields[apple], "weight") }},
		"all fields of a product are gone": {RuleField, func(b *book) { b.Audit.Fields = nil }},
		"a reservation ended, and the purchase is pending": {RuleExpiry, func(b *book) {
			b.Audit.Purchases[3].State = pending
			b.ledger(pear, func(l *history.Ledger) { l.Returned, l.Stock = 2, 7 })
		}},
		"a purchase expired and gave nothing back": {RuleStock, func(b *book) {
			b.ledger(pear, func(l *history.Ledger) { l.Returned, l.Stock = 2, 7 })
		}},
		"a purchase expired twice": {RuleStock, func(b *book) {
			b.ledger(pear, func(l *history.Ledger) { l.Returned, l.Stock = 4, 9 })
		}},
		"a purchase expired whose reservation had not ended": {RuleDuplicated, func(b *book) { b.Reservations = nil }},
		"a purchase expired and was seen pending after the end": {RuleLinearizable, func(b *book) {
			b.add(history.Op{Kind: history.ReadProduct, Product: pear, Strength: history.Strong, Start: 10 * time.Second, Stock: 8, Version: 1})
			b.add(history.Op{Kind: history.ReadProduct, Product: pear, Strength: history.Strong, Start: 11 * time.Second, Stock: 7, Version: 1})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := upgraded()
			c.breaks(b)
			found := rules(Check(&b.History))
			require.NotEmpty(t, found)
			for _, rule := range found {
				require.Equal(t, c.rule, rule, "%v", Check(&b.History).Violations)
			}
		})
	}
}

func TestARetryThatBeganBeforeTheAnswerOfTheOtherVersionNeedNotKnowOfIt(t *testing.T) {
	b := upgraded()
	next := b.request("effect of api-1", "api-2")
	first := b.request("effect of api-1", "api-1")
	next.Replayed, next.Start = false, first.End-1
	require.Equal(t, []string{RuleUnshown}, rules(Check(&b.History)), "it shows nothing")
}

func TestAReservationThatEndedJustNowMayStillBePending(t *testing.T) {
	b := upgraded()
	b.Audit.Purchases[3].State = pending
	b.ledger(pear, func(l *history.Ledger) { l.Returned, l.Stock = 2, 7 })
	b.Events[2].At = b.Reservations[0].Ends + expiresWithin
	require.Empty(t, Check(&b.History).Violations)
}
