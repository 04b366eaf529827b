package replay

import (
	"context"
	"fmt"
	"slices"
)

// purchase is what a replay looks at of a purchase.
type purchase struct {
	ID     string
	UserID string `json:"user_id"`
	Status string
	Items  []struct {
		ProductID string `json:"product_id"`
		Quantity  int64
		UnitPrice amount `json:"unit_price"`
		Refunded  int64  `json:"refunded_quantity"`
	}
	Total         amount
	RefundedTotal amount `json:"refunded_total"`
	Version       int
}

// isPaid holds also for what was paid and has gone on from there.
func (p purchase) isPaid() bool {
	return slices.Contains([]string{"paid", "fulfilled", "refunded"}, p.Status)
}

// purchaseOf finds the purchase that has an external_ref. It has neither lines nor a refunded total.
func (s *shop) purchaseOf(ctx context.Context, ref string) (purchase, bool, error) {
	return first[purchase](ctx, s, "/v1/purchases?", "external_ref", ref)
}

// wholeOf finds the purchase that has an external_ref, with its lines and its refunded total.
func (s *shop) wholeOf(ctx context.Context, ref string) (purchase, bool, error) {
	return first[purchase](ctx, s, "/v1/purchases?expand=items&", "external_ref", ref)
}

// sell makes the purchase of an invoice, and pays it at once: what is not paid
// loses its stock after a while. A run that was killed in between left it
// unpaid, so the payment is seen to wherever the purchase comes from.
func (s *shop) sell(ctx context.Context, sale *Sale, b *book) (string, error) {
	made, there, err := s.purchaseOf(ctx, sale.Ref)
	if err == nil && !there {
		made, err = s.buy(ctx, sale, b)
	}
	if err != nil || made.isPaid() {
		return made.ID, err
	}
	err = s.write(ctx, "/v1/purchases/"+made.ID+"/pay", "replay-pay-"+sale.Ref, object{"reference": "invoice " + sale.Ref}, &made)
	if refusedAs(err, "wrong-status") {
		// Paid already, by a request of another run that was still under way?
		if now, _, lookErr := s.purchaseOf(ctx, sale.Ref); lookErr == nil && now.isPaid() {
			err = nil
		}
	}
	return made.ID, err
}

func (s *shop) buy(ctx context.Context, sale *Sale, b *book) (made purchase, err error) {
	var lines []object
	for _, item := range sale.Items {
		line := object{"product_id": b.products.id(item.Product.Code), "quantity": item.Pieces}
		if item.Price != item.Product.Price {
			line["unit_price"] = price(item.Price)
		}
		lines = append(lines, line)
	}
	err = s.write(ctx, "/v1/purchases", "replay-sale-"+sale.Ref,
		object{"user_id": b.customers.id(sale.Customer), "external_ref": sale.Ref, "items": lines}, &made)
	if refusedAs(err, "external-ref-used") {
		var there bool
		if made, there, err = s.purchaseOf(ctx, sale.Ref); err == nil && !there {
			err = fmt.Errorf("the external_ref %s is used and leads to no purchase", sale.Ref)
		}
	}
	return made, err
}

// refund takes back a part of a purchase, once for each cancellation.
func (s *shop) refund(ctx context.Context, r *Refund, b *book) error {
	var lines []object
	for _, back := range r.Backs {
		lines = append(lines, object{"product_id": b.products.id(back.Product.Code), "quantity": back.Pieces})
	}
	path := "/v1/purchases/" + b.sales.id(r.Sale.Ref) + "/refund"
	return unlessUsed(s.write(ctx, path, "replay-refund-"+r.Ref, object{"external_ref": r.Ref, "items": lines}, &struct{}{}))
}

// adjust puts pieces back on the shelf, once for each cancellation and product.
func (s *shop) adjust(ctx context.Context, a *Adjustment, b *book) error {
	path := "/v1/products/" + b.products.id(a.Product.Code) + "/stock"
	return unlessUsed(s.write(ctx, path, "replay-adjust-"+a.Ref,
		object{"external_ref": a.Ref, "reason": a.Ref, "delta": a.Pieces}, &struct{}{}))
}

// unlessUsed takes "done before" for done.
func unlessUsed(err error) error {
	if refusedAs(err, "external-ref-used") {
		return nil
	}
	return err
}
