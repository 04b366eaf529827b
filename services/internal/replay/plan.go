package replay

import (
	"slices"
	"strconv"
)

// Plan is everything that a replay does. It is made from the file alone, in the
// file's order, before anything is asked of the shop: so it is the same plan
// whenever, and however often, the file is replayed.
type Plan struct {
	// Products in the order of their first lines.
	Products []*Product
	// Customers in the order of their first lines; "" is the walk-in.
	Customers   []string
	Sales       []*Sale
	Refunds     []*Refund
	Adjustments []*Adjustment
	Rejected    []Rejection // by line
	Lines       Tally
}

// Tally counts lines by what became of them; each line counts once.
type Tally struct {
	Read, Sold, Refunded, Adjusted, Rejected int
	// Both were refunded as far as there was something to refund; the rest was adjusted.
	Both int
}

// Product is what the file says about one stock code.
type Product struct {
	Code, Name string
	// Price is its first price, in pence; other prices are agreed ones.
	Price int64
	// Sold, Returned and Adjusted are pieces over the whole file. The first stock
	// is what is sold.
	Sold, Returned, Adjusted int64
}

// Sale is one invoice, to be one paid purchase; of an invoice of more than
// mostLines lines, a part.
type Sale struct {
	// Ref is the invoice's number; further parts append #2, #3, …
	Ref      string
	Customer string
	Items    []*Item
	// Refunds is how many of the plan's refunds are of this sale.
	Refunds int
}

// Item is a line of a sale: what the invoice says about one code at one price.
type Item struct {
	Product *Product
	Pieces  int64
	Price   int64 // pence
	// Refunded is how many of the pieces the file takes back.
	Refunded int64
}

// Refund is what one cancellation takes back of one sale.
type Refund struct {
	Ref   string // the cancellation's number
	Sale  *Sale
	Backs []*Back
}

// Back is a number of pieces that come back.
type Back struct {
	Product *Product
	Pieces  int64
}

// Adjustment is what comes back to stock of one product by a cancellation for
// which there is no purchase.
type Adjustment struct {
	Ref string // the cancellation's number
	Back
}

// mostLines is the most lines of a purchase that the API takes.
const mostLines = 1000

// MakePlan decides about every line; unread are those that Read already rejected.
func MakePlan(lines []Line, unread []Rejection) Plan {
	accepted, rejected := accept(lines)
	p := newPlanner(accepted)
	for _, invoice := range invoices(accepted) {
		if invoice[0].cancels() {
			p.cancel(invoice)
		} else {
			p.sell(invoice)
		}
	}
	p.plan.Rejected = byLine(slices.Concat(unread, rejected))
	p.plan.Lines.Read = len(lines) + len(unread)
	p.plan.Lines.Rejected = len(p.plan.Rejected)
	return p.plan
}

// invoices groups lines by invoice, which stands where its first line stands.
func invoices(lines []Line) [][]Line {
	at, groups := map[string]int{}, [][]Line{}
	for _, l := range lines {
		i, known := at[l.Invoice]
		if !known {
			i = len(groups)
			at[l.Invoice], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], l)
	}
	return groups
}

// planner is a plan in the making.
type planner struct {
	plan     Plan
	products map[string]*Product      // by code
	earlier  map[customerCode][]*Sale // in the order of the invoices
}

// customerCode names what a cancellation looks for.
type customerCode struct{ customer, code string }

// newPlanner lists products and customers as the accepted lines name them first.
func newPlanner(accepted []Line) *planner {
	p := &planner{products: map[string]*Product{}, earlier: map[customerCode][]*Sale{}}
	seen := map[string]bool{}
	for _, l := range accepted {
		if p.products[l.Code] == nil {
			product := &Product{Code: l.Code, Name: l.Name, Price: l.Price}
			p.products[l.Code], p.plan.Products = product, append(p.plan.Products, product)
		}
		// Whoever only gives back, of what the file never sold them, needs no account.
		if !l.cancels() && !seen[l.Customer] {
			seen[l.Customer] = true
			p.plan.Customers = append(p.plan.Customers, l.Customer)
		}
	}
	return p
}

// sell plans an invoice: lines with the same code and price are one.
func (p *planner) sell(invoice []Line) {
	p.plan.Lines.Sold += len(invoice)
	at, items := map[sameLine]*Item{}, []*Item{}
	for _, l := range invoice {
		product := p.products[l.Code]
		product.Sold += l.Pieces
		same := sameLine{l.Invoice, l.Code, l.Price}
		if at[same] == nil {
			at[same] = &Item{Product: product, Price: l.Price}
			items = append(items, at[same])
		}
		at[same].Pieces += l.Pieces
	}
	part := 0
	for chunk := range slices.Chunk(items, mostLines) {
		part++
		ref := invoice[0].Invoice
		if part > 1 {
			ref += "#" + strconv.Itoa(part)
		}
		p.add(&Sale{Ref: ref, Customer: invoice[0].Customer, Items: chunk})
	}
}

func (p *planner) add(s *Sale) {
	p.plan.Sales = append(p.plan.Sales, s)
	seen := map[string]bool{}
	for _, item := range s.Items {
		if code := item.Product.Code; !seen[code] {
			seen[code] = true
			key := customerCode{s.Customer, code}
			p.earlier[key] = append(p.earlier[key], s)
		}
	}
}
