package check

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/history"
)

const (
	apple = "apple"
	pear  = "pear"
)

// book writes a history by hand, one request after the other, each 10 ms long
// with 10 ms between them.
type book struct{ history.History }

// newBook begins with ten apples and ten pears, both at version 1.
func newBook() *book {
	ten := history.Ledger{Initial: 10, Stock: 10, Version: 1}
	return &book{history.History{
		Initial: map[string]history.Ledger{apple: ten, pear: ten},
		Audit:   history.Audit{Products: map[string]history.Ledger{apple: ten, pear: ten}},
	}}
}

// add notes a request, with a commit number of its own if it is a write.
func (b *book) add(op history.Op) *history.Op {
	op.ID = len(b.Ops) + 1
	if op.Logical == 0 {
		op.Logical = op.ID
	}
	if op.Start == 0 {
		op.Start = time.Duration(op.ID) * 20 * time.Millisecond
	}
	if op.End == 0 {
		op.End = op.Start + 10*time.Millisecond
	}
	if op.Outcome == "" {
		op.Outcome, op.Status = history.Done, 200
	}
	if op.Kind.Write() && op.Outcome == history.Done {
		op.NewToken = strconv.Itoa(op.ID)
	}
	b.Ops = append(b.Ops, op)
	return &b.Ops[len(b.Ops)-1]
}

func (b *book) ledger(product string, change func(*history.Ledger)) {
	ledger := b.Audit.Products[product]
	change(&ledger)
	b.Audit.Products[product] = ledger
}

// sound is a history in which all is well and each kind of operation occurs:
// #1 and #2 buy, #3 pays, #4 cancels, #5 adjusts, #6 edits, #7 to #9 read, #10 is
// refused, #11 buys without an answer and #12 is the answer to its retry.
func sound() *book {
	b := newBook()
	three := []history.Line{{Product: apple, Quantity: 3}}
	both := []history.Line{{Product: apple, Quantity: 1}, {Product: pear, Quantity: 2}}
	b.add(history.Op{Kind: history.Buy, Client: 1, User: "ann", Mark: 1001, Lines: three, Purchase: "A", State: pending})
	b.add(history.Op{Kind: history.Buy, Client: 2, User: "bob", Lines: both, Purchase: "B", State: pending})
	b.add(history.Op{Kind: history.Pay, Client: 1, Purchase: "A", State: paid})
	b.add(history.Op{Kind: history.Cancel, Client: 2, Purchase: "B", State: cancelled})
	b.add(history.Op{Kind: history.Adjust, Client: 1, Product: apple, Delta: 5, Stock: 12})
	b.add(history.Op{Kind: history.Edit, Client: 1, Product: apple, IfMatch: 1, Version: 2, Stock: 12})
	b.add(history.Op{Kind: history.ReadProduct, Client: 2, Product: apple, Strength: history.Strong, Stock: 12, Version: 2})
	b.add(history.Op{Kind: history.ReadProduct, Client: 1, Product: apple, Strength: history.Token, Token: "6", Stock: 12, Version: 2})
	b.add(history.Op{Kind: history.ReadPurchase, Client: 2, Purchase: "B", State: pending}) // plain, and not too old
	b.add(history.Op{Kind: history.Buy, Client: 2, User: "bob", Lines: []history.Line{{Product: pear, Quantity: 11}},
		Outcome: history.Refused, Status: 409, Code: "insufficient-stock", Short: map[string]int64{pear: 10}})
	again := history.Op{Kind: history.Buy, Client: 1, User: "ann", Key: "k", Mark: 1002, Lines: both, Outcome: history.Unknown}
	b.add(again)
	again.Outcome, again.Status, again.Logical, again.Purchase, again.State, again.Replayed = history.Done, 201, 11, "C", pending, true
	b.add(again)
	b.Audit = history.Audit{
		Products: map[string]history.Ledger{
			apple: {Initial: 10, Adjusted: 5, Sold: 5, Returned: 1, Stock: 11, Version: 2},
			pear:  {Initial: 10, Sold: 4, Returned: 2, Stock: 8, Version: 1},
		},
		Purchases: []history.Purchase{
			{ID: "A", User: "ann", Mark: 1001, State: paid, Lines: three},
			{ID: "B", User: "bob", Mark: 5, State: cancelled, Lines: both},
			{ID: "C", User: "ann", Mark: 1002, State: pending, Lines: both},
		},
	}
	return b
}

func TestAHistoryInWhichAllIsWellIsSound(t *testing.T) {
	b := sound()
	require.Equal(t, Verdict{Acknowledged: 8, Reads: 3, Partitions: 5, Largest: 8}, Check(&b.History))
}

func TestAnEmptyHistoryIsSound(t *testing.T) {
	require.Equal(t, Verdict{}, Check(&history.History{}))
}

func TestEachBrokenPromiseIsFoundByItsRuleAndNoOther(t *testing.T) {
	drop := func(b *book, at int) {
		p := b.Audit.Purchases[at]
		b.Audit.Purchases = append(b.Audit.Purchases[:at:at], b.Audit.Purchases[at+1:]...)
		for product, quantity := range quantities(p.Lines) {
			b.ledger(product, func(l *history.Ledger) { l.Sold, l.Stock = l.Sold-quantity, l.Stock+quantity })
		}
	}
	double := func(b *book, p history.Purchase) {
		b.Audit.Purchases = append(b.Audit.Purchases, p)
		for product, quantity := range quantities(p.Lines) {
			b.ledger(product, func(l *history.Ledger) { l.Sold, l.Stock = l.Sold+quantity, l.Stock-quantity })
		}
	}
	for name, c := range map[string]struct {
		rule                       string
		lost, duplicated, oversold int
		breaks                     func(b *book)
	}{
		"an acknowledged purchase is gone": {RuleLost, 1, 0, 0, func(b *book) { drop(b, 2) }},
		"a payment is gone":                {RuleLost, 1, 0, 0, func(b *book) { b.Audit.Purchases[0].State = pending }},
		"an adjustment is gone": {RuleLost, 1, 0, 0, func(b *book) {
			b.add(history.Op{Kind: history.Adjust, Product: pear, Delta: 2, Stock: 10})
		}},
		"a purchase has lost a line": {RuleLost, 1, 0, 0, func(b *book) {
			b.Audit.Purchases[2].Lines = b.Audit.Purchases[2].Lines[:1]
			b.ledger(pear, func(l *history.Ledger) { l.Sold, l.Stock = 2, 10 })
		}},
		"two were answered with one purchase": {RuleLost, 1, 0, 0, func(b *book) {
			b.add(history.Op{Kind: history.Buy, User: "ann", Mark: 1003, Lines: b.Ops[11].Lines, Purchase: "C", State: pending})
		}},
		"a marked purchase is there twice": {RuleDuplicated, 0, 1, 0, func(b *book) {
			double(b, history.Purchase{ID: "D", User: "ann", Mark: 1002, State: pending, Lines: b.Audit.Purchases[2].Lines})
		}},
		"a customer's purchase is there twice": {RuleDuplicated, 0, 1, 0, func(b *book) {
			double(b, history.Purchase{ID: "D", User: "bob", Mark: 5, State: pending, Lines: b.Audit.Purchases[1].Lines})
		}},
		"an adjustment was done twice": {RuleDuplicated, 0, 1, 0, func(b *book) {
			b.ledger(apple, func(l *history.Ledger) { l.Adjusted, l.Stock = 10, 16 })
		}},
		"nobody asked for a version": {RuleDuplicated, 0, 1, 0, func(b *book) {
			b.ledger(pear, func(l *history.Ledger) { l.Version = 2 })
		}},
		"nobody asked for a cancellation": {RuleDuplicated, 0, 1, 0, func(b *book) {
			b.Audit.Purchases[2].State = cancelled
			b.ledger(apple, func(l *history.Ledger) { l.Returned, l.Stock = 2, 12 })
			b.ledger(pear, func(l *history.Ledger) { l.Returned, l.Stock = 4, 10 })
		}},
		"what was told not to be written is there": {RuleDuplicated, 0, 1, 0, func(b *book) {
			b.add(history.Op{Kind: history.Buy, User: "ann", Mark: 1003, Lines: b.Ops[11].Lines, Outcome: history.NotDone, Status: 503})
			double(b, history.Purchase{ID: "D", User: "ann", Mark: 1003, State: pending, Lines: b.Ops[11].Lines})
		}},
		"the stock is not what the entries make": {RuleStock, 0, 0, 0, func(b *book) {
			b.ledger(apple, func(l *history.Ledger) { l.Stock++ })
		}},
		"more was sold than the purchases say": {RuleStock, 0, 0, 0, func(b *book) {
			b.ledger(pear, func(l *history.Ledger) { l.Sold, l.Stock = 5, 7 })
		}},
		"adjusted is what no adjustments make": {RuleStock, 0, 0, 0, func(b *book) {
			b.ledger(apple, func(l *history.Ledger) { l.Adjusted, l.Stock = 7, 13 })
		}},
		"a stock was negative in between": {RuleNegative, 0, 0, 1, func(b *book) {
			b.add(history.Op{Kind: history.ReadProduct, Product: pear, Stock: -1, Version: 1})
		}},
		"a refusal told of less than nothing": {RuleNegative, 0, 0, 1, func(b *book) {
			b.add(history.Op{Kind: history.Buy, Outcome: history.Refused, Short: map[string]int64{pear: -2}})
		}},
		"a replay has another body": {RuleKey, 0, 0, 0, func(b *book) {
			repeat(b, 12).Body = "other"
		}},
		"a replay names another purchase": {RuleKey, 0, 0, 0, func(b *book) {
			repeat(b, 12).Purchase = "D"
		}},
		"a purchase was refused later": {RuleKey, 0, 0, 0, func(b *book) {
			op := repeat(b, 12)
			op.Outcome, op.Status, op.Code = history.Refused, 409, "insufficient-stock"
		}},
		"a refused key has bought": {RuleKey, 0, 1, 0, func(b *book) {
			b.Ops[11].Outcome, b.Ops[11].Status, b.Ops[11].Purchase = history.Refused, 409, ""
		}},
		"a version was given twice": {RuleVersion, 0, 0, 0, func(b *book) {
			b.add(history.Op{Kind: history.Edit, Product: apple, IfMatch: 1, Version: 2, Stock: 11})
		}},
		"a strong read saw an older version": {RuleVersion, 0, 0, 0, func(b *book) {
			b.add(history.Op{Kind: history.ReadProduct, Product: apple, Strength: history.Strong, Stock: 11, Version: 1})
		}},
		"a token does not show what its commit covers": {RuleVersion, 0, 0, 0, func(b *book) {
			b.add(history.Op{Kind: history.ReadProduct, Client: 7, Product: apple, Strength: history.Token, Token: "8", Version: 1})
		}},
		"an own edit is not shown": {RuleOwnWrites, 0, 0, 0, func(b *book) { b.Ops[7].Version = 1 }},
		"an own purchase is not shown": {RuleOwnWrites, 0, 0, 0, func(b *book) {
			b.add(history.Op{Kind: history.ReadPurchase, Client: 1, Purchase: "A", Strength: history.Token, Token: "9",
				Outcome: history.Refused, Status: 404})
		}},
		"an own payment is not shown": {RuleOwnWrites, 0, 0, 0, func(b *book) {
			b.add(history.Op{Kind: history.ReadPurchase, Client: 1, Purchase: "A", Strength: history.Token, Token: "9", State: pending})
		}},
		"a plain read is too old": {RuleAge, 0, 0, 0, func(b *book) {
			b.add(history.Op{Kind: history.ReadProduct, Product: apple, Start: 5 * time.Second, Stock: 15, Version: 1})
		}},
		"a plain read is older than it says": {RuleAge, 0, 0, 0, func(b *book) {
			b.add(history.Op{Kind: history.ReadPurchase, Purchase: "B", Start: 9 * time.Second, Age: 3 * time.Second, State: pending})
		}},
		"a purchase was not found long after": {RuleAge, 0, 0, 0, func(b *book) {
			b.add(history.Op{Kind: history.ReadPurchase, Purchase: "C", Start: 9 * time.Second, Outcome: history.Refused, Status: 404})
		}},
		"a strong read saw an older stock":    {RuleLinearizable, 0, 0, 0, func(b *book) { b.Ops[6].Stock = 7 }},
		"refused although there was enough":   {RuleLinearizable, 0, 0, 0, func(b *book) { b.Ops[9].Lines[0].Quantity = 9 }},
		"refused for another stock":           {RuleLinearizable, 0, 0, 0, func(b *book) { b.Ops[9].Short[pear] = 9 }},
		"sold although there was not enough":  {RuleLinearizable, 0, 0, 1, oversell},
		"an edit saw another stock":           {RuleLinearizable, 0, 0, 0, otherStock},
		"refused as stale though it was not":  {RuleLinearizable, 0, 0, 0, refusedEdit},
		"a payment was refused while pending": {RuleLinearizable, 0, 0, 0, refusedPayment},
		"two reads in the wrong order":        {RuleLinearizable, 0, 0, 0, crossedReads},
	} {
		t.Run(name, func(t *testing.T) {
			b := sound()
			c.breaks(b)
			v := Check(&b.History)
			require.Equal(t, []string{c.rule}, rules(v), "%v", v.Violations)
			require.Equal(t, []int{c.lost, c.duplicated, c.oversold}, []int{v.Lost, v.Duplicated, v.Oversold}, "%v", v.Violations)
		})
	}
}

// repeat adds one more answer to the operation of a request.
func repeat(b *book, id int) *history.Op {
	op := b.Ops[id-1]
	op.Start, op.End = 0, 0
	return b.add(op)
}

// oversell sells 9 pears of 8, and takes back two of them later, so that in the
// end nothing is wrong.
func oversell(b *book) {
	nine := []history.Line{{Product: pear, Quantity: 9}}
	b.add(history.Op{Kind: history.Buy, User: "eve", Lines: nine, Purchase: "D", State: pending})
	b.add(history.Op{Kind: history.Adjust, Product: pear, Delta: 2, Stock: 1})
	b.Audit.Purchases = append(b.Audit.Purchases, history.Purchase{ID: "D", User: "eve", State: pending, Lines: nine})
	b.ledger(pear, func(l *history.Ledger) { l.Sold, l.Adjusted, l.Stock = 13, 2, 1 })
}

// otherStock has an edit answered with a stock that nothing had left.
func otherStock(b *book) {
	b.add(history.Op{Kind: history.Edit, Product: apple, IfMatch: 2, Version: 3, Stock: 10})
	b.ledger(apple, func(l *history.Ledger) { l.Version = 3 })
}

func refusedEdit(b *book) {
	b.add(history.Op{Kind: history.Edit, Product: apple, IfMatch: 2, Outcome: history.Refused, Status: 412})
}

func refusedPayment(b *book) {
	b.add(history.Op{Kind: history.Pay, Purchase: "C", Outcome: history.Refused, Status: 409, Code: "wrong-status"})
}

// crossedReads has two purchases at once, of 1 and of 2, and two reads after each
// other of which the first sees both and the second only one: each for itself
// could be.
func crossedReads(b *book) {
	at := b.add(history.Op{Kind: history.ReadPurchase, Purchase: "C", State: pending}).End
	for i, id := range []string{"D", "E"} {
		lines := []history.Line{{Product: pear, Quantity: int64(i + 1)}}
		b.add(history.Op{Kind: history.Buy, User: "eve", Lines: lines, Purchase: id, State: pending, Start: at + 1, End: at + time.Second})
		b.Audit.Purchases = append(b.Audit.Purchases, history.Purchase{ID: id, User: "eve", State: pending, Lines: lines})
	}
	for i, stock := range []int64{5, 7} {
		from := at + time.Duration(i+1)*100*time.Millisecond
		b.add(history.Op{Kind: history.ReadProduct, Product: pear, Strength: history.Strong, Stock: stock, Version: 1, Start: from, End: from + 1})
	}
	b.ledger(pear, func(l *history.Ledger) { l.Sold, l.Stock = 7, 5 })
}
