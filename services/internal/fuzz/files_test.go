package fuzz_test

import (
	"encoding/csv"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/config"
	"evergreen/services/internal/money"
	"evergreen/services/internal/replay"
)

const header = "InvoiceNo,StockCode,Description,Quantity,UnitPrice,CustomerID\n"

// Every line of a file is either read or rejected, never both nor neither; and
// what was read is read the same from a clean file.
func FuzzInvoices(f *testing.F) {
	for _, lines := range []string{
		"536365,85123A,WHITE HANGING HEART,6,2.55,17850\n", "C536379,D,Discount,-1,27.50,14527\n", "\"536365\",\"a,b\",\"7\"\" NAILS\",1,.5,\n",
		"1,2,3\n\n", "\xef\xbb\xbf1,2,3,4,5,6\n", "1,a,caf\xe9,1,1.005,\n", "1,a,x,99999999999999999999,1,\n", "1,a,\"x,1,1,\n", "1,a,x,-0,-0.5,\r\n",
	} {
		f.Add([]byte(lines))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines, rejected, err := replay.Read(strings.NewReader(header + string(text)))
		if err != nil {
			require.Greater(t, len(text), 1<<19, "only a line that is too long spoils a file")
			return
		}
		seen := map[int]bool{}
		for _, r := range rejected {
			require.False(t, seen[r.Line], "line %d", r.Line)
			require.NotEmpty(t, r.Reason)
			seen[r.Line] = true
		}
		for _, line := range lines {
			require.False(t, seen[line.Number], "line %d", line.Number)
			seen[line.Number] = true
			holdLine(t, line)
		}
		for number := range seen {
			require.GreaterOrEqual(t, number, 2)
			require.LessOrEqual(t, number, 2+strings.Count(string(text), "\n"))
		}
	})
}

func holdLine(t *testing.T, line replay.Line) {
	t.Helper()
	var out strings.Builder
	w := csv.NewWriter(&out)
	sign, price := "", line.Price
	if price < 0 {
		sign, price = "-", -price
	}
	require.NoError(t, w.Write([]string{line.Invoice, line.Code, line.Name, strconv.FormatInt(line.Pieces, 10),
		fmt.Sprintf("%s%d.%02d", sign, price/100, price%100), line.Customer}))
	w.Flush()
	again, rejected, err := replay.Read(strings.NewReader(header + out.String()))
	require.NoError(t, err)
	require.Empty(t, rejected, "%s", out.String())
	require.Len(t, again, 1)
	line.Number = 2
	require.Equal(t, line, again[0])
}

// Settings that are taken are within their bounds, and no error tells a secret.
func FuzzSettings(f *testing.F) {
	f.Add("5000", "15m", "10s", "api:26379", "ann@example.com", "correct horse battery", strings.Repeat("s", 32), "info")
	f.Add("-1", "-15m", "1h", "api", "ann", "short", "secret-secret", "loud")
	f.Add("0x10", "9999999h", "0", ",:,", "Ann <a@b>", "\x00", config.ExampleSecret, "")
	f.Fuzz(func(t *testing.T, port, reservation, deadline, sentinel, email, password, secret, level string) {
		env := map[string]string{
			"PORT": port, "RESERVATION": reservation, "SESSION_TTL": reservation, "COMMIT_DEADLINE": deadline, "REDIS_SENTINEL": sentinel,
			"ADMIN_EMAIL": email, "ADMIN_PASSWORD": password, "SECRET_KEY": secret, "LOG_LEVEL": level, "RATE_USER_PER_SECOND": port,
		}
		c, err := config.Load(func(name string) string { return env[name] })
		if err != nil {
			for _, hidden := range []string{password, secret} {
				require.True(t, len(hidden) < 20 || !strings.Contains(err.Error(), hidden))
			}
			return
		}
		require.True(t, c.Port >= 0 && c.Port <= 65535 && c.UserRate >= 1)
		require.True(t, c.Reservation >= time.Second && c.SessionTTL >= time.Second && c.CommitDeadline >= 100*time.Millisecond && c.CommitDeadline <= 11*time.Second)
		require.NotEmpty(t, c.Sentinels)
		require.GreaterOrEqual(t, len(c.SecretKey), config.MinSecret)
		require.Contains(t, c.AdminEmail, "@")
	})
}

// Sums and products are exact, or refused.
func FuzzMoney(f *testing.F) {
	f.Add(int64(1999), int64(3), "EUR")
	f.Add(int64(money.MaxAmount), int64(1), "eur")
	f.Add(int64(1)<<52, int64(1)<<62, "€")
	f.Fuzz(func(t *testing.T, amount, other int64, currency string) {
		if money.KnownCurrency(currency) {
			require.Len(t, currency, 3)
			require.Equal(t, strings.ToUpper(currency), currency)
		}
		if amount < 0 || amount > money.MaxAmount {
			return
		}
		m, most := money.Money{Amount: amount, Currency: "EUR"}, big.NewInt(money.MaxAmount)
		hold := func(exact *big.Int, allowed bool, got money.Money, err error) {
			if !allowed || exact.Cmp(most) > 0 {
				require.ErrorIs(t, err, money.ErrTooLarge)
				return
			}
			require.NoError(t, err)
			require.Equal(t, money.Money{Amount: exact.Int64(), Currency: "EUR"}, got)
		}
		got, err := m.Times(other)
		hold(new(big.Int).Mul(big.NewInt(amount), big.NewInt(other)), other >= 0, got, err)
		if other >= 0 && other <= money.MaxAmount {
			got, err = m.Plus(money.Money{Amount: other, Currency: "EUR"})
			hold(new(big.Int).Add(big.NewInt(amount), big.NewInt(other)), true, got, err)
		}
	})
}
