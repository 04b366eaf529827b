package purchases

import (
	"slices"
	"strconv"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// The codes of create.lua.
const (
	codeRefUsed = iota + 1
	codeNoBuyer
	codeNoProduct
	codeShort
	codeChanged
	codeCurrencies
	codeTotal
)

// The codes of common.lua and the scripts that it stands before.
const (
	moveNotFound = iota + 1
	moveStale
	moveWrongStatus
	moveTooMany // for pay: too few in stock; for refund: more than is left; for expiry: not due
	moveRefUsed
)

func createRefusal(r redisdb.Result, d draft, in CreateInput) error {
	var err error
	switch r.Code {
	case 0:
		return nil
	case codeRefUsed:
		err = refUsed("This external_ref belongs to the purchase " + r.Values[0] + ".")
	case codeNoBuyer:
		err = fault.InvalidField("/user_id", "unknown-user", "There is no user with this id.")
	case codeNoProduct:
		err = noProducts(r, d, in)
	case codeShort:
		err = shortage(r, d, in)
	case codeCurrencies:
		err = fault.InvalidField("/items", "currencies", "All lines of a purchase have one currency.")
	case codeTotal:
		err = fault.InvalidField("/items", "total-too-large", "The total passes the largest amount.")
	default:
		return r.Unread("the purchase script")
	}
	return mark(err, r)
}

func moveRefusal(r redisdb.Result) error {
	var err error
	switch r.Code {
	case 0:
		return nil
	case moveNotFound:
		err = NotFound()
	case moveStale:
		err = web.Stale()
	case moveWrongStatus:
		err = fault.New(fault.Conflict, "wrong-status", "The purchase is "+r.Values[0]+"; that does not allow this.")
	case moveTooMany:
		err = beyond(r)
	case moveRefUsed:
		err = refUsed("This external_ref was used by the refund that made version " + r.Values[0] + " of this purchase.")
	default:
		return r.Unread("a purchase script")
	}
	return mark(err, r)
}

func mark(err error, r redisdb.Result) error {
	if r.Replayed {
		return fault.AsReplayed(err)
	}
	return err
}

func refUsed(detail string) error {
	return fault.New(fault.Conflict, "external-ref-used", detail,
		fault.Field{Pointer: "/external_ref", Code: "used", Detail: detail})
}

// line gives the pointer of the first line that names the draft's product i.
func line(d draft, in CreateInput, i int64) (pointer, product string) {
	product = d.products[i-1]
	at := slices.IndexFunc(in.Items, func(l Line) bool { return l.ProductID == product })
	return "/items/" + strconv.Itoa(at), product
}

func noProducts(r redisdb.Result, d draft, in CreateInput) error {
	var fields []fault.Field
	for i := range r.Values {
		pointer, product := line(d, in, r.Int(i))
		fields = append(fields, fault.Field{Pointer: pointer + "/product_id", Code: "unknown-product", ProductID: product,
			Detail: "There is no product with this id."})
	}
	return fault.New(fault.Invalid, "unknown-product", "A line names a product that does not exist.", fields...)
}

func shortage(r redisdb.Result, d draft, in CreateInput) error {
	var fields []fault.Field
	for i := 0; i+1 < len(r.Values); i += 2 {
		pointer, product := line(d, in, r.Int(i))
		fields = append(fields, tooFew(pointer+"/quantity", product, r.Int(i+1)))
	}
	return insufficient(fields)
}

func tooFew(pointer, product string, available int64) fault.Field {
	return fault.Field{Pointer: pointer, Code: "insufficient-stock", ProductID: product, Available: &available,
		Detail: strconv.FormatInt(available, 10) + " available."}
}

func insufficient(fields []fault.Field) error {
	return fault.New(fault.Conflict, "insufficient-stock", "There is not enough in stock for every line; nothing was taken.", fields...)
}

// beyond reads code 4: for a refund its values are numbers of lines, for a late
// payment products' ids.
func beyond(r redisdb.Result) error {
	var fields []fault.Field
	for i := 0; i+1 < len(r.Values); i += 2 {
		if web.IsID(r.Values[i]) {
			fields = append(fields, tooFew("", r.Values[i], r.Int(i+1)))
			continue
		}
		left := r.Int(i + 1)
		fields = append(fields, fault.Field{
			Pointer: "/items/" + strconv.FormatInt(r.Int(i)-1, 10) + "/quantity", Code: "more-than-left", Available: &left,
			Detail: strconv.FormatInt(left, 10) + " left to refund.",
		})
	}
	if len(fields) > 0 && fields[0].Code == "insufficient-stock" {
		return insufficient(fields)
	}
	return fault.New(fault.Conflict, "more-than-left", "More was asked back than is left of the purchase.", fields...)
}
