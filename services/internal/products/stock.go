package products

import (
	"context"
	"strconv"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// Adjust changes the stock by hand: a delivery, a count, a breakage.
func (s *Store) Adjust(ctx context.Context, w web.Change, id string, in AdjustInput) (Ledger, bool, error) {
	keys := []string{redisdb.KeyProduct(id), redisdb.KeyProductAdjustments(id)}
	result, err := s.db.Commit(ctx, adjustScript.Command(w.Request, w.Actor, keys, id, in.Delta, in.Reason, in.ExternalRef, MaxStock))
	if err != nil {
		return Ledger{}, false, err
	}
	if err := refusal(result, s.skuTaken); err != nil {
		return Ledger{}, false, err
	}
	return Ledger{
		Initial: result.Int(0), Adjusted: result.Int(1), Sold: result.Int(2), Returned: result.Int(3), Stock: result.Int(4),
	}, result.Replayed, nil
}

func adjustRefusal(r redisdb.Result) error {
	switch r.Code {
	case codeTooFew:
		available := r.Int(0)
		return fault.New(fault.Conflict, "insufficient-stock", "The stock would fall below zero.",
			fault.Field{Pointer: "/delta", Code: "insufficient-stock", Available: &available,
				Detail: strconv.FormatInt(available, 10) + " available."})
	case codeRefUsed:
		return fault.New(fault.Conflict, "external-ref-used",
			"This external_ref was used for this product before, by the request "+r.Values[0]+".",
			fault.Field{Pointer: "/external_ref", Code: "used", Detail: "First used by the request " + r.Values[0] + "."})
	}
	return fault.New(fault.Conflict, "too-much-stock", "The stock would pass its maximum.",
		fault.Field{Pointer: "/delta", Code: "too-large", Detail: "A product has at most " + strconv.Itoa(MaxStock) + " pieces."})
}

// Ledger reads a product's account.
func (s *Store) Ledger(ctx context.Context, id string) (Ledger, error) {
	fields, err := s.db.Hash(ctx, redisdb.KeyProduct(id), "initial", "adjusted", "sold", "returned", "stock")
	if err != nil {
		return Ledger{}, err
	}
	if fields == nil {
		return Ledger{}, NotFound()
	}
	n := func(name string) int64 { v, _ := strconv.ParseInt(fields[name], 10, 64); return v }
	return Ledger{Initial: n("initial"), Adjusted: n("adjusted"), Sold: n("sold"), Returned: n("returned"), Stock: n("stock")}, nil
}
