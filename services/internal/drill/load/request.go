package load

import (
	"fmt"
	"strconv"

	"evergreen/services/internal/drill/history"
)

// MarkBase is below every Mark and above every list price, in minor units.
const MarkBase = 10_000_000

// object is a JSON object to send.
type object = map[string]any

func euros(cents int64) object { return object{"amount": cents, "currency": "EUR"} }

// listPrice is what a product costs after the edit number n; 0 at its creation.
func listPrice(n int) int64 { return int64(1000 + n%9000) }

// request renders an operation. What is sent depends on the operation alone, so
// that one that is sent again has the same body, byte for byte.
func request(op history.Op) (method, path string, body any) {
	switch op.Kind {
	case history.Buy:
		return "POST", "/v1/purchases", order(op)
	case history.Pay:
		return "POST", "/v1/purchases/" + op.Purchase + "/pay", object{"reference": fmt.Sprint("payment ", op.Logical)}
	case history.Cancel:
		return "POST", "/v1/purchases/" + op.Purchase + "/cancel", nil
	case history.Adjust:
		return "POST", "/v1/products/" + op.Product + "/stock", object{"delta": op.Delta, "reason": fmt.Sprint("count ", op.Logical)}
	case history.Edit:
		return "PATCH", "/v1/products/" + op.Product,
			object{"description": fmt.Sprint("edit ", op.Logical), "price": euros(listPrice(op.Logical))}
	case history.ReadProduct:
		return "GET", "/v1/products/" + op.Product, nil
	}
	return "GET", "/v1/purchases/" + op.Purchase, nil
}

func order(op history.Op) object {
	items := make([]object, len(op.Lines))
	for i, line := range op.Lines {
		items[i] = object{"product_id": line.Product, "quantity": line.Quantity}
		if op.Mark != 0 {
			items[i]["unit_price"] = euros(op.Mark)
		}
	}
	body := object{"items": items}
	if op.Mark != 0 {
		body["user_id"] = op.User
	}
	return body
}

// dressed gives a client that sends the operation's headers.
func dressed(c *Client, op history.Op) *Client {
	if op.Key != "" {
		c = c.Keyed(op.Key)
	}
	if op.IfMatch != 0 {
		c = c.With("If-Match", strconv.Quote(strconv.FormatInt(op.IfMatch, 10)))
	}
	if op.Token != "" {
		c = c.With("Consistency-Token", op.Token)
	}
	if op.Strength == history.Strong {
		c = c.Current()
	}
	return c
}
