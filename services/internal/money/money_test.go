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

func TestArithmeticReachesTheMaximumAndKeepsTheCurrency(t *testing.T) {
	most := Money{Amount: MaxAmount, Currency: "EUR"}
	for _, row := range []struct {
		of   string
		make func() (Money, error)
		want Money
	}{
		{"the maximum once", func() (Money, error) { return most.Times(1) }, most},
		{"nothing of it", func() (Money, error) { return most.Times(0) }, Money{Currency: "EUR"}},
		{"the last unit", func() (Money, error) {
			return Money{Amount: MaxAmount - 1, Currency: "EUR"}.Plus(Money{Amount: 1, Currency: "EUR"})
		}, most},
		{"a sum", func() (Money, error) {
			return Money{Amount: 2, Currency: "JPY"}.Plus(Money{Amount: 3, Currency: "JPY"})
		}, Money{5, "JPY"}},
	} {
		got, err := row.make()
		require.NoError(t, err, row.of)
		require.Equal(t, row.want, got, row.of)
	}
}
