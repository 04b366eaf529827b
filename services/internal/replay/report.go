package replay

import (
	"bufio"
	"fmt"
	"io"
)

// mostDifferences is how many are shown; the rest is counted.
const mostDifferences = 50

// report writes the reconciliation. It says nothing about the run, neither time
// nor what it found done already: every run of one file writes the same.
func report(out io.Writer, name string, p Plan, a *audit) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "reconciliation of %s\n", name)
	reportRejected(w, p)
	reportLines(w, p)
	reportShop(w, p, a)
	for i, difference := range a.differences {
		if i == mostDifferences {
			fmt.Fprintf(w, "… and %d more\n", len(a.differences)-i)
			break
		}
		fmt.Fprintln(w, difference)
	}
	fmt.Fprintln(w, summary(p, a))
	return w.Flush()
}

func reportRejected(w io.Writer, p Plan) {
	if len(p.Rejected) == 0 {
		return
	}
	fmt.Fprintln(w, "\nlines rejected, one by one")
	for _, r := range p.Rejected {
		fmt.Fprintf(w, "  line %d: %s: %s\n", r.Line, r.Reason, r.Detail)
	}
}

func reportLines(w io.Writer, p Plan) {
	row := func(name string, n int) { fmt.Fprintf(w, "%-45s %12d\n", name, n) }
	fmt.Fprintln(w)
	row("lines read", p.Lines.Read)
	row("  sold", p.Lines.Sold)
	row("  refunded", p.Lines.Refunded)
	row("  adjusted, for there was no purchase", p.Lines.Adjusted)
	row("  refunded as far as bought, the rest adjusted", p.Lines.Both)
	row("  rejected", p.Lines.Rejected)
	counts := map[Reason]int{}
	for _, r := range p.Rejected {
		counts[r.Reason]++
	}
	for _, reason := range Reasons() {
		if counts[reason] > 0 {
			row("    "+string(reason), counts[reason])
		}
	}
}

// reportShop sets what the file says beside what the shop has.
func reportShop(w io.Writer, p Plan, a *audit) {
	var pieces ledger
	for _, product := range p.Products {
		pieces.Sold += product.Sold
		pieces.Returned += product.Returned
		pieces.Adjusted += product.Adjusted
	}
	pieces.Stock = pieces.Returned + pieces.Adjusted
	var sold, refunded int64
	for _, s := range p.Sales {
		sold += s.total()
		refunded += s.refundedTotal()
	}
	row := func(name string, file, shop any) { fmt.Fprintf(w, "%-45s %12v %12v\n", name, file, shop) }
	fmt.Fprintln(w)
	row("", "file", "shop")
	row("purchases", len(p.Sales), a.purchases)
	row("  sold, "+currency, pounds(sold), pounds(a.sold))
	row("  refunded, "+currency, pounds(refunded), pounds(a.refunded))
	row("products whose ledger is the file's", len(p.Products), a.agree)
	row("  pieces sold", pieces.Sold, a.pieces.Sold)
	row("  pieces returned", pieces.Returned, a.pieces.Returned)
	row("  pieces adjusted", pieces.Adjusted, a.pieces.Adjusted)
	row("  pieces in stock after it", pieces.Stock, a.pieces.Stock)
	fmt.Fprintln(w)
}

// summary is the last line.
func summary(p Plan, a *audit) string {
	l := p.Lines
	verdict := "adds up"
	if n := len(a.differences); n > 0 {
		verdict = fmt.Sprintf("DOES NOT ADD UP, %d differences", n)
	}
	return fmt.Sprintf("%s: %d lines = %d sold + %d refunded + %d adjusted + %d both + %d rejected; %d of %d purchases, %d of %d ledgers agree",
		verdict, l.Read, l.Sold, l.Refunded, l.Adjusted, l.Both, l.Rejected,
		a.purchases, len(p.Sales), a.agree, len(p.Products))
}
