// Package products holds what the shop sells: one product is one sellable unit
// with its own price, stock and ledger. Variants are products of one family.
package products

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/money"
	"evergreen/services/internal/web"
)

// MaxStock bounds a product's stock and every adjustment, in pieces.
const MaxStock = 1_000_000_000

// Details are the members of a product that an admin writes.
type Details struct {
	SKU              string                    `json:"sku,omitempty" validate:"max=100,plain,filled"`
	Family           string                    `json:"family,omitempty" validate:"omitempty,max=100,handle"`
	Options          map[string]string         `json:"options" validate:"max=10,dive,keys,min=1,max=50,plain,filled,endkeys,max=200,plain"`
	Name             string                    `json:"name" validate:"required,max=200,plain,filled"`
	Description      string                    `json:"description" validate:"max=10000,multiline"`
	Category         string                    `json:"category" validate:"max=100,plain"`
	Company          string                    `json:"company" validate:"max=100,plain"`
	Tags             []string                  `json:"tags" validate:"max=50,unique,dive,min=1,max=50,plain,filled"`
	Attributes       map[string]jsontext.Value `json:"attributes" validate:"max=50,dive,keys,min=1,max=50,plain,filled,endkeys"`
	Price            *money.Money              `json:"price" validate:"required"`
	DateManufactured string                    `json:"date_manufactured,omitempty" validate:"omitempty,day"`
	// MaxPerCustomer is how many pieces one customer may buy and hold in all; nil is no limit.
	MaxPerCustomer *int64 `json:"max_per_customer,omitempty" validate:"omitempty,min=1,max=1000000000"`
}

// Check holds what validate tags cannot say.
func (d Details) Check() error {
	var wrong []fault.Field
	for _, name := range slices.Sorted(maps.Keys(d.Attributes)) {
		if code, detail := wrongAttribute(d.Attributes[name]); code != "" {
			wrong = append(wrong, web.WrongMember(code, detail, "attributes", name))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "invalid", "The request has values that are not allowed.", wrong...)
}

// wrongAttribute says what is wrong with an attribute's value, "" for nothing.
func wrongAttribute(value jsontext.Value) (code, detail string) {
	var text string
	switch kind := value.Kind(); {
	case kind == '{' || kind == '[' || kind == 'n':
		return "wrong-type", "An attribute is a string, a number, true or false."
	case len(value) > 1000:
		return "too-large", "An attribute has at most 1000 bytes."
	case kind == '0':
		// Most clients read numbers as doubles, and could not read the product at all.
		if n, err := strconv.ParseFloat(string(value), 64); err != nil || math.IsInf(n, 0) {
			return "too-large", "This number is too large for most programs."
		}
	case kind == '"' && json.Unmarshal(value, &text) == nil && !web.IsText(text):
		return "control-character", "Control characters are not allowed."
	}
	return "", ""
}

// CreateInput is the body of POST /v1/products.
type CreateInput struct {
	Details
	Stock int64 `json:"stock" validate:"min=0,max=1000000000"`
}

// body is a product as it is stored: rendered, without the stock, which is a
// field of its own. So a read copies bytes and a sale does not rewrite them.
type body struct {
	ID string `json:"id"`
	Details
	Version   int64  `json:"version"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	// Newer are the members that only a newer version knows. A change keeps them.
	Newer jsontext.Value `json:",embed"`
	// newerInPrice are those inside the price.
	newerInPrice jsontext.Value
}

// storedPrice is a price as it is stored.
type storedPrice struct {
	money.Money
	Newer jsontext.Value `json:",embed"`
}

// parse reads the stored form, with all that only a newer version knows.
func parse(text string) (b body, err error) {
	var with struct {
		Price storedPrice `json:"price"`
	}
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return body{}, err
	}
	if err := json.Unmarshal([]byte(text), &with); err != nil {
		return body{}, err
	}
	b.newerInPrice = with.Price.Newer
	return b, nil
}

// render gives the stored form; absent lists become empty ones.
func (b body) render() ([]byte, error) {
	if len(b.newerInPrice) == 0 || b.Price == nil {
		return json.Marshal(b, json.Deterministic(true))
	}
	return json.Marshal(struct {
		body
		Price storedPrice `json:"price"`
	}{b, storedPrice{*b.Price, b.newerInPrice}}, json.Deterministic(true))
}

// withStock splices the stock into a stored body, which ends in a brace.
func withStock(body string, stock int64) []byte {
	if strings.Contains(body, `"stock":`) {
		body = withoutStock(body)
	}
	out := make([]byte, 0, len(body)+24)
	out = append(out, body[:len(body)-1]...)
	out = append(out, `,"stock":`...)
	out = strconv.AppendInt(out, stock, 10)
	return append(out, '}')
}

// withoutStock leaves out a member of a newer version that has the name of the one
// that is spliced in. What is no object of JSON is left as it is.
func withoutStock(text string) string {
	var members map[string]jsontext.Value
	b, err := parse(text)
	if err != nil || json.Unmarshal(b.Newer, &members) != nil {
		return text
	}
	if _, has := members["stock"]; !has {
		return text // it is deeper in, or in a text
	}
	delete(members, "stock")
	if b.Newer = nil; len(members) > 0 {
		newer, err := json.Marshal(members, json.Deterministic(true))
		if err != nil {
			return text
		}
		b.Newer = newer
	}
	rendered, err := b.render()
	if err != nil {
		return text
	}
	return string(rendered)
}

// Product is what other domains need to know of a product.
type Product struct {
	ID      string
	Name    string
	Price   money.Money
	Version int64
	// Updated is when the product was last changed, in ms; 0 if that is not known.
	Updated int64
	// MaxPerCustomer is how many pieces one customer may buy and hold in all; 0 is no limit.
	MaxPerCustomer int64
}

// Ledger is a product's account: Initial + Adjusted - Sold + Returned = Stock.
// All are pieces; what is pending counts as sold.
type Ledger struct {
	Initial  int64 `json:"initial"`
	Adjusted int64 `json:"adjusted"`
	Sold     int64 `json:"sold"`
	Returned int64 `json:"returned"`
	Stock    int64 `json:"stock"`
}

// AdjustInput is the body of POST /v1/products/{id}/stock.
type AdjustInput struct {
	Delta       int64  `json:"delta" validate:"required,min=-1000000000,max=1000000000"`
	Reason      string `json:"reason" validate:"required,max=500,plain,filled"`
	ExternalRef string `json:"external_ref,omitempty" validate:"max=200,plain,filled"`
}

func timestamp(t time.Time) string { return web.Time(t.UnixMilli()) }

// millis is a timestamp of a body as the hash's field "updated" has it; 0 for one that
// does not parse, as that of no product at all.
func millis(text string) int64 {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0
	}
	return t.UnixMilli()
}
