// Package money holds amounts of money as integer minor units. Floats never
// touch an amount, and Lua never computes one (its numbers are doubles), so
// every amount and every sum stays within MaxAmount, which is below 2^53.
package money

import (
	"errors"

	"golang.org/x/text/currency"
)

// MaxAmount is the largest amount of a price or a total, in minor units:
// 10^15, below 2^53, so that it survives JSON in a browser and Lua.
const MaxAmount = 1_000_000_000_000_000

// ErrTooLarge is returned by arithmetic whose result would pass MaxAmount.
var ErrTooLarge = errors.New("amount is over the maximum")

// Money is an amount in a currency.
type Money struct {
	// Amount is in the currency's minor units (cents), 0 to MaxAmount.
	Amount int64 `json:"amount" validate:"min=0,max=1000000000000000"`
	// Currency is an ISO 4217 code in capitals.
	Currency string `json:"currency" validate:"required,currency"`
}

// KnownCurrency says whether code is an ISO 4217 code in capitals, other than
// those for no currency (XXX) and for tests (XTS): no price is in them.
func KnownCurrency(code string) bool {
	unit, err := currency.ParseISO(code)
	return err == nil && unit.String() == code && code != "XXX" && code != "XTS"
}

// Times multiplies by a quantity of at least 0.
func (m Money) Times(quantity int64) (Money, error) {
	if quantity < 0 || (quantity > 0 && m.Amount > MaxAmount/quantity) {
		return Money{}, ErrTooLarge
	}
	return Money{Amount: m.Amount * quantity, Currency: m.Currency}, nil
}

// Plus adds an amount of the same currency; the caller has checked that.
func (m Money) Plus(other Money) (Money, error) {
	if m.Amount > MaxAmount-other.Amount {
		return Money{}, ErrTooLarge
	}
	return Money{Amount: m.Amount + other.Amount, Currency: m.Currency}, nil
}
