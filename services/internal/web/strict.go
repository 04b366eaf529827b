package web

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/money"
)

// strictly refuses what Go would take for a zero value: null, and money without
// an amount. Neither may stand for 0, or a slip sells for nothing and refunds
// everything. The search for null spares most bodies a call for each value.
func strictly(body []byte) json.Options {
	if !bytes.Contains(body, []byte("null")) {
		return json.WithUnmarshalers(wholeMoney)
	}
	return json.WithUnmarshalers(json.JoinUnmarshalers(noNull, wholeMoney))
}

var noNull = json.UnmarshalFromFunc(func(d *jsontext.Decoder, into any) error {
	if d.PeekKind() != 'n' {
		return errors.ErrUnsupported // the usual way to read it
	}
	switch into.(type) {
	case *[]string, *map[string]string, *map[string]jsontext.Value:
		// Many programs write an empty list of texts so, and nothing else can be meant.
		return errors.ErrUnsupported
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	return fault.InvalidField(where(d.StackPointer()), "wrong-type", "null is not allowed here; leave out what there is none of.")
})

var wholeMoney = json.UnmarshalFromFunc(func(d *jsontext.Decoder, m *money.Money) error {
	at := d.StackPointer()
	var in struct {
		Amount   *int64 `json:"amount"`
		Currency string `json:"currency"`
	}
	if err := json.UnmarshalDecode(d, &in); err != nil {
		return err
	}
	if in.Amount == nil {
		return fault.InvalidField(where(at.AppendToken("amount")), "required", "This is required.")
	}
	*m = money.Money{Amount: *in.Amount, Currency: in.Currency}
	return nil
})
