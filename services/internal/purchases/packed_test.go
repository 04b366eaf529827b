package purchases

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"evergreen/services/internal/money"
)

const someID = "0193a1b2-c3d4-7e5f-8a6b-0123456789ab"

func items(n int, name func(int) string) []Item {
	all := make([]Item, n)
	for i := range all {
		all[i] = Item{
			ProductID: fmt.Sprintf("0193a1b2-c3d4-7e5f-8a6b-%012x", i), Name: name(i), Quantity: int64(i)*7919%MaxQuantity + 1,
			UnitPrice: money.Money{Amount: int64(i) * int64(i) * 1_000_003, Currency: "EUR"},
		}
	}
	return all
}

func pack(t *testing.T, items []Item) (lines, people string) {
	t.Helper()
	packed, err := packLines(items)
	require.NoError(t, err)
	text, err := packPeople(items)
	require.NoError(t, err)
	return string(packed), string(text)
}

func TestPackedLinesAreReadAsTheyWere(t *testing.T) {
	gift := items(2, func(int) string { return "A \"quoted\" name, <b>\u00e9</b>" })
	gift[1].Newer = jsontext.Value(`{"gift":{"to":"Bob"},"tags":["a",1]}`)
	largest := items(1, func(int) string { return "" })
	largest[0].Quantity, largest[0].UnitPrice.Amount = MaxLines*MaxQuantity, money.MaxAmount
	for name, all := range map[string][]Item{
		"one line": items(1, func(int) string { return "Candle" }), "members of a newer version": gift, "the largest numbers": largest,
		"1,000 lines":      items(1000, func(i int) string { return fmt.Sprint("Candle no. ", i) }),
		"1,000 long names": items(1000, func(i int) string { return strings.Repeat(string(rune('\u4e00'+i)), 200) }),
	} {
		t.Run(name, func(t *testing.T) {
			lines, people := pack(t, all)
			require.Equal(t, len(people) < compressFrom, people[0] == '[', "%d bytes", len(people))
			read, err := unpackItems(lines, people, "EUR")
			require.NoError(t, err)
			require.Equal(t, all, read)
		})
	}
}

func TestLinesOfANewerVersionWithMoreValuesAreRead(t *testing.T) {
	lines := msgp.AppendInt(msgp.AppendArrayHeader(nil, 11), 5)
	for i := range 2 {
		lines = msgp.AppendStringFromBytes(lines, []byte(strings.Repeat("\x01", 16)))
		lines = msgp.AppendInt(msgp.AppendInt(lines, i+1), 100)
		lines = msgp.AppendString(msgp.AppendFloat64(lines, 0.5), "more")
	}
	read, err := unpackItems(string(lines), `[{"name":"A"},{"name":"B"}]`, "EUR")
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2}, []int64{read[0].Quantity, read[1].Quantity})
	require.Equal(t, "01010101-0101-0101-0101-010101010101", read[1].ProductID)
}

func TestWhatIsNoPackedLineIsRefused(t *testing.T) {
	lines, people := pack(t, items(3, func(int) string { return "A" }))
	header := func(values uint32, each int) string {
		return string(msgp.AppendInt(msgp.AppendArrayHeader(nil, values), each))
	}
	for name, row := range map[string][2]string{
		"nothing": {"", people}, "cut off": {lines[:len(lines)-1], people}, "no array": {"\xc0", people},
		"more names": {lines, people[:len(people)-1] + `,{"name":"B"}]`},
		"no values":  {header(1, 0) + lines, people}, "an array that is not there": {header(4_000_000_000, 3), people},
		"an empty array": {"\x90", people},
		"an odd number":  {header(9, 3) + lines[2:], people}, "no names": {lines, ""},
		"names that are no JSON": {lines, "[{"}, "no frame": {lines, "(\xb5/\xfdx"},
	} {
		_, err := unpackItems(row[0], row[1], "EUR")
		require.ErrorIs(t, err, errPacked, name)
	}
	_, err := packLines([]Item{{ProductID: someID[:35] + "x"}})
	require.ErrorIs(t, err, errPacked)
}

func TestNamesThatWouldTakeMoreMemoryThanAPurchaseHasAreRefused(t *testing.T) {
	encoder, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	bomb := encoder.EncodeAll([]byte(`[{"name":"`+strings.Repeat("a", mostPeople)+`"}]`), nil)
	require.Less(t, len(bomb), 1000)
	lines, _ := pack(t, items(1, func(int) string { return "A" }))
	_, err = unpackItems(lines, string(bomb), "EUR")
	require.ErrorIs(t, err, zstd.ErrDecoderSizeExceeded)
}
