package replay_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/purchases"
	"evergreen/services/internal/replay"
)

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

// planned makes a plan of lines written shortly: invoice, code, quantity, price,
// customer. The name of a product is its code's, unless it stands behind a colon.
func planned(t *testing.T, lines ...string) replay.Plan {
	t.Helper()
	text := header
	for _, line := range lines {
		f := strings.Fields(line + " -")
		code, name, named := strings.Cut(f[1], ":")
		if !named {
			name = "Name of " + code
		}
		text += strings.Join([]string{f[0], code, name, f[2], "03-01-2021 08:10", f[3], strings.Trim(f[4], "-"), "France\n"}, ",")
	}
	read, unread, err := replay.Read(strings.NewReader(text))
	require.NoError(t, err)
	return replay.MakePlan(read, unread)
}

// told says what a plan does, one line for each thing.
func told(p replay.Plan) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, s := range p.Sales {
		text := ""
		for _, i := range s.Items {
			text += fmt.Sprintf(" %d %s @%d", i.Pieces, i.Product.Code, i.Price)
		}
		say("%s of %q:%s", s.Ref, s.Customer, text)
	}
	for _, r := range p.Refunds {
		text := ""
		for _, b := range r.Backs {
			text += fmt.Sprintf(" %d %s", b.Pieces, b.Product.Code)
		}
		say("%s refunds of %s:%s", r.Ref, r.Sale.Ref, text)
	}
	for _, a := range p.Adjustments {
		say("%s adjusts %s by %d", a.Ref, a.Product.Code, a.Pieces)
	}
	for _, r := range p.Rejected {
		say("line %d: %s", r.Line, r.Reason)
	}
	return all
}

func TestThePlanIsDecidedFromTheFileAlone(t *testing.T) {
	for name, c := range map[string]struct{ lines, want []string }{
		"lines with the same code and price are one": {
			[]string{"1 A 2 1.50 c", "1 X 1 1 c", "1 A 3 1.5 c", "1 A 1 2 c"},
			[]string{`1 of "c": 5 A @150 1 X @100 1 A @200`}},
		"an invoice stands where its first line stands": {
			[]string{"1 A 2 1 c", "2 A 1 1 d", "1 X 1 1 c"},
			[]string{`1 of "c": 2 A @100 1 X @100`, `2 of "d": 1 A @100`}},
		"codes that differ in case are different goods": {
			[]string{"1 a 1 1 c", "1 A 1 1 c", "C2 A -1 1 c"},
			[]string{`1 of "c": 1 a @100 1 A @100`, "C2 refunds of 1: 1 A"}},
		"invoices without a customer are the walk-in's": {
			[]string{"1 A 1 1", "2 A 1 1", "C3 A -1 1"},
			[]string{`1 of "": 1 A @100`, `2 of "": 1 A @100`, "C3 refunds of 2: 1 A"}},
		"a cancellation takes the latest earlier purchase first, then the one before": {
			[]string{"1 A 5 1 c", "2 A 5 1 c", "C3 A -7 1 c", "4 A 5 1 c"},
			[]string{`1 of "c": 5 A @100`, `2 of "c": 5 A @100`, `4 of "c": 5 A @100`, "C3 refunds of 2: 5 A", "C3 refunds of 1: 2 A"}},
		"what was taken back is not taken again": {
			[]string{"1 A 5 1 c", "C2 A -3 1 c", "C3 A -3 1 c"},
			[]string{`1 of "c": 5 A @100`, "C2 refunds of 1: 3 A", "C3 refunds of 1: 2 A", "C3 adjusts A by 1"}},
		"lines of one cancellation are one refund": {
			[]string{"1 A 5 1 c", "1 X 5 1 c", "C2 A -1 1 c", "C2 X -1 1 c", "C2 A -2 1 c"},
			[]string{`1 of "c": 5 A @100 5 X @100`, "C2 refunds of 1: 3 A 1 X"}},
		"a cancellation before its purchase, of another customer's or at another price adjusts": {
			[]string{"C1 A -1 1 c", "2 A 5 1 c", "C3 A -1 1 d", "C4 A -1 2 c", "C4 A -1 2 c"},
			[]string{`2 of "c": 5 A @100`, "C1 adjusts A by 1", "C3 adjusts A by 1", "C4 adjusts A by 2"}},
		"of a product bought at two prices the shop refunds the lines in their order": {
			[]string{"1 A 2 1 c", "1 A 5 2 c", "C2 A -3 2 c", "C3 A -2 1 c", "C4 A -3 2 c"},
			[]string{`1 of "c": 2 A @100 5 A @200`, "C3 refunds of 1: 2 A", "C4 refunds of 1: 3 A", "C2 adjusts A by 3"}},
		"a cancellation may be for what the file never sells": {
			[]string{"C1 A -4 1 c"}, []string{"C1 adjusts A by 4"}},
		"an invoice is of the first customer that it names": {
			[]string{"1 A 1 1", "1 X 1 1 c", "1 Y 1 1 d", "1 Z 1 1 c"},
			[]string{`1 of "c": 1 A @100 1 X @100 1 Z @100`, "line 4: invoice is another customer's"}},
		"an invoice whose lines are all rejected is none": {
			[]string{"1 POST 1 1 c", "1 A: 1 1 c", "1 A 0 1 c", "C2 D -1 1 c", "C2 A 1 1 c", "3 A -1 1 c", "3 A 1 0 c", "3 A 1 -1 c"},
			[]string{"line 2: code is no goods", "line 3: no description", "line 4: quantity 0", "line 5: code is no goods",
				"line 6: positive quantity in a cancellation", "line 7: negative quantity outside a cancellation",
				"line 8: price 0 or below", "line 9: price 0 or below"}},
		"one reason is enough": {
			[]string{"1 POST: -1 0 c", "1 A: -1 0 c", "1 A -1 0 c"},
			[]string{"line 2: code is no goods", "line 3: no description", "line 4: price 0 or below"}},
		"more than the shop can hold": {
			[]string{"1 A 1000000 1 c", "1 A 1 1 c", "1 A 1000001 2 c", "1 X 1 10000000000000.01 c", "2 X 3 4000000000000 c"},
			[]string{`1 of "c": 1000000 A @100`, "line 3: more than the shop can hold", "line 4: more than the shop can hold",
				"line 5: more than the shop can hold", "line 6: more than the shop can hold"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := planned(t, c.lines...)
			require.Equal(t, c.want, told(p))
			l := p.Lines
			require.Equal(t, len(c.lines), l.Read)
			require.Equal(t, l.Read, l.Sold+l.Refunded+l.Adjusted+l.Both+l.Rejected)
		})
	}
}

func TestAProductIsAsItsFirstAcceptedLineSays(t *testing.T) {
	p := planned(t, "1 A:damaged 1 0 c", "C2 A:first -2 1.25 c", "3 A:second 4 1 c", "4 A:third 6 1.3 d", "C5 A:fifth -1 1.3 d")
	require.Equal(t, []*replay.Product{{Code: "A", Name: "first", Price: 125, Sold: 10, Returned: 1, Adjusted: 2}}, p.Products)
	require.Equal(t, []string{"c", "d"}, p.Customers)
}

func TestALineThatIsRefundedOnlyInPartCountsOnce(t *testing.T) {
	p := planned(t, "1 A 5 1 c", "C2 A -2 1 c", "C2 A -4 1 c", "C2 A -1 1 c", "C2 M -1 1 c")
	require.Equal(t, replay.Tally{Read: 5, Sold: 1, Refunded: 1, Both: 1, Adjusted: 1, Rejected: 1}, p.Lines)
}

func TestALongInvoiceIsSeveralPurchases(t *testing.T) {
	var lines []string
	for i := range 2*purchases.MaxLines + 1 {
		lines = append(lines, fmt.Sprintf("1 A%d 1 1 c", i))
	}
	p := planned(t, append(lines, "1 A0 1 1 c", "C2 A0 -2 1 c", "C2 A1000 -1 1 c")...)
	require.Len(t, p.Sales, 3)
	for i, want := range []string{"1", "1#2", "1#3"} {
		require.Equal(t, want, p.Sales[i].Ref)
		require.LessOrEqual(t, len(p.Sales[i].Items), purchases.MaxLines)
	}
	require.Equal(t, []string{"C2 refunds of 1: 2 A0", "C2 refunds of 1#2: 1 A1000"}, told(p)[3:])
}
