package money

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCurrenciesAreISO4217InCapitals(t *testing.T) {
	for code, known := range map[string]bool{
		"EUR": true, "GBP": true, "JPY": true, "eur": false, "EURO": false, "": false, "XYZ": false, "XXX": false, "XTS": false, "€": false,
	} {
		require.Equal(t, known, KnownCurrency(code), code)
	}
}

func TestArithmeticRefusesToPassTheMaximum(t *testing.T) {
	price := Money{Amount: MaxAmount / 2, Currency: "EUR"}
	double, err := price.Times(2)
	require.NoError(t, err)
	require.Equal(t, Money{Amount: MaxAmount, Currency: "EUR"}, double)

	_, err = price.Times(3)
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = double.Plus(Money{Amount: 1, Currency: "EUR"})
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = price.Times(-1)
	require.ErrorIs(t, err, ErrTooLarge)

	nothing, err := price.Times(0)
	require.NoError(t, err)
	require.Zero(t, nothing.Amount)
}
