package replay

import "slices"

// cancellation is a C-invoice in the making.
type cancellation struct {
	number  string
	refunds map[*Sale]*Refund
	adjusts map[*Product]*Adjustment
}

// cancel plans a C-invoice, line by line in the file's order.
func (p *planner) cancel(invoice []Line) {
	c := cancellation{number: invoice[0].Invoice, refunds: map[*Sale]*Refund{}, adjusts: map[*Product]*Adjustment{}}
	for _, l := range invoice {
		refunded := p.refund(c, l)
		if rest := -l.Pieces - refunded; rest > 0 {
			p.adjust(c, p.products[l.Code], rest)
		}
		switch refunded {
		case -l.Pieces:
			p.plan.Lines.Refunded++
		case 0:
			p.plan.Lines.Adjusted++
		default:
			p.plan.Lines.Both++
		}
	}
}

// refund takes a line's pieces from the customer's earlier purchases of the same
// code at the same price, the latest first, each as far as something is left of
// it. It says how many it found.
func (p *planner) refund(c cancellation, l Line) (found int64) {
	wanted := -l.Pieces
	for _, sale := range slices.Backward(p.earlier[customerCode{l.Customer, l.Code}]) {
		for found < wanted {
			item := sale.next(l.Code)
			if item == nil || item.Price != l.Price {
				break
			}
			pieces := min(wanted-found, item.Pieces-item.Refunded)
			item.Refunded += pieces
			item.Product.Returned += pieces
			found += pieces
			p.refundOf(c, sale).add(item.Product, pieces)
		}
	}
	return found
}

// next is the line that the shop would refund a piece of this code from. A
// refund names products, and of a product that was bought at two prices the
// shop takes the lines in their order; a cancellation at the other price has
// to find another purchase.
func (s *Sale) next(code string) *Item {
	for _, item := range s.Items {
		if item.Product.Code == code && item.Refunded < item.Pieces {
			return item
		}
	}
	return nil
}

func (p *planner) refundOf(c cancellation, sale *Sale) *Refund {
	if c.refunds[sale] == nil {
		c.refunds[sale] = &Refund{Ref: c.number, Sale: sale}
		p.plan.Refunds = append(p.plan.Refunds, c.refunds[sale])
		sale.Refunds++
	}
	return c.refunds[sale]
}

func (r *Refund) add(product *Product, pieces int64) {
	for _, back := range r.Backs {
		if back.Product == product {
			back.Pieces += pieces
			return
		}
	}
	r.Backs = append(r.Backs, &Back{Product: product, Pieces: pieces})
}

func (p *planner) adjust(c cancellation, product *Product, pieces int64) {
	product.Adjusted += pieces
	if c.adjusts[product] == nil {
		c.adjusts[product] = &Adjustment{Ref: c.number, Back: Back{Product: product}}
		p.plan.Adjustments = append(p.plan.Adjustments, c.adjusts[product])
	}
	c.adjusts[product].Pieces += pieces
}
