package replay

import (
	"slices"

	"evergreen/services/internal/money"
)

// accept parts the lines that are replayed from those that are not, by the rules
// for one line and by those for an invoice and a product as a whole.
func accept(lines []Line) (accepted []Line, rejected []Rejection) {
	var passed []Line
	for _, l := range lines {
		if why := judge(l); why != nil {
			rejected = append(rejected, why.at(l.Number))
			continue
		}
		passed = append(passed, l)
	}
	w := wholes{customers: customersOf(passed), pieces: map[string]int64{}, merged: map[sameLine]int64{}, totals: map[string]money.Money{}}
	for _, l := range passed {
		if why := w.add(&l); why != nil {
			rejected = append(rejected, why.at(l.Number))
			continue
		}
		accepted = append(accepted, l)
	}
	return accepted, rejected
}

// customersOf gives each invoice the first customer that any of its lines names.
func customersOf(lines []Line) map[string]string {
	customers := map[string]string{}
	for _, l := range lines {
		if customers[l.Invoice] == "" {
			customers[l.Invoice] = l.Customer
		}
	}
	return customers
}

// sameLine is what the lines have in common that are sold as one.
type sameLine struct {
	invoice, code string
	price         int64
}

// wholes is what the lines accepted so far add up to.
type wholes struct {
	customers map[string]string      // by invoice
	totals    map[string]money.Money // by invoice
	merged    map[sameLine]int64     // pieces
	pieces    map[string]int64       // by code, sold and given back
}

// add takes a line in, as its invoice's customer's, or says why not.
func (w wholes) add(l *Line) *Rejection {
	customer := w.customers[l.Invoice]
	if l.Customer != "" && l.Customer != customer {
		return reject(AnotherCustomers, "%s is %s's, the line names %s", l.Invoice, customer, l.Customer)
	}
	l.Customer = customer
	count, same := max(l.Pieces, -l.Pieces), sameLine{l.Invoice, l.Code, l.Price}
	total, err := money.Money{Amount: l.Price, Currency: currency}.Times(count)
	if err == nil {
		total, err = total.Plus(w.totals[l.Invoice])
	}
	if err != nil || w.merged[same]+count > mostPieces || w.pieces[l.Code]+count > mostStock {
		return reject(TooLarge, "%s with %d more of %s at %s", l.Invoice, count, l.Code, pounds(l.Price))
	}
	w.totals[l.Invoice] = total
	w.merged[same] += count
	w.pieces[l.Code] += count
	return nil
}

// byLine sorts rejections as the file has them.
func byLine(rejected []Rejection) []Rejection {
	slices.SortFunc(rejected, func(a, b Rejection) int { return a.Line - b.Line })
	return rejected
}
