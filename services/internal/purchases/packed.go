package purchases

import (
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"
	"github.com/tinylib/msgp/msgp"

	"evergreen/services/internal/money"
)

// From layout 3 on a purchase has its lines in two fields of its hash, in place of "items":
//   - lines, for scripts: a MessagePack array. The first number says how many values each
//     line has; these follow for one line after the other: the product's id in 16 bytes,
//     the pieces, the price of one in minor units of the purchase's currency.
//   - people, for people alone: a JSON array with an object for each line, its name and every
//     member that only a newer version knows. A long one is a zstd frame, whose first
//     byte is no "[".
//
// No script reads people.

// lineValues is how many values this version writes for a line. A newer one may write more.
const lineValues = 3

const (
	// compressFrom is the size in bytes from which people is compressed, if that makes it smaller.
	compressFrom = 512
	// mostPeople is the largest people that is read, in bytes. 1,000 names of 200 characters are 0.8 MB.
	mostPeople = 4 << 20
)

// words are what people read of a line.
type words struct {
	Name string `json:"name"`
	// Newer are the members that only a newer version knows.
	Newer jsontext.Value `json:",embed"`
}

var errPacked = errors.New("the lines of a purchase cannot be read")

// codec makes the one encoder and the one decoder of zstd at their first use. Each is used by one caller at a time,
// so that the memory they hold does not grow with the load.
var codec = sync.OnceValues(func() (*zstd.Encoder, *zstd.Decoder) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(128<<10))
	if err != nil {
		panic(err) // the options above are wrong
	}
	decoder, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(mostPeople))
	if err != nil {
		panic(err)
	}
	return encoder, decoder
})

// packLines gives the field lines of items, whose product ids are UUIDs.
func packLines(items []Item) ([]byte, error) {
	packed := msgp.AppendArrayHeader(nil, uint32(1+lineValues*len(items)))
	packed = msgp.AppendInt(packed, lineValues)
	for _, item := range items {
		id, err := hex.DecodeString(undashed(item.ProductID))
		if err != nil || len(id) != 16 {
			return nil, fmt.Errorf("%w: %q is no id", errPacked, item.ProductID)
		}
		packed = msgp.AppendStringFromBytes(packed, id)
		packed = msgp.AppendInt64(packed, item.Quantity)
		packed = msgp.AppendInt64(packed, item.UnitPrice.Amount)
	}
	return packed, nil
}

// packPeople gives the field people of items.
func packPeople(items []Item) ([]byte, error) {
	all := make([]words, len(items))
	for i, item := range items {
		all[i] = words{Name: item.Name, Newer: item.Newer}
	}
	text, err := json.Marshal(all)
	if err != nil || len(text) < compressFrom {
		return text, err
	}
	encoder, _ := codec()
	if packed := encoder.EncodeAll(text, nil); len(packed) < len(text) {
		return packed, nil
	}
	return text, nil
}

// unpackItems reads both fields.
func unpackItems(lines, people, currency string) ([]Item, error) {
	items, err := unpackLines([]byte(lines), currency)
	if err != nil {
		return nil, err
	}
	text := []byte(people)
	if len(text) == 0 || text[0] != '[' {
		_, decoder := codec()
		if text, err = decoder.DecodeAll(text, nil); err != nil {
			return nil, fmt.Errorf("%w: %w", errPacked, err)
		}
	}
	var all []words
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%w: %w", errPacked, err)
	}
	if len(all) != len(items) {
		return nil, fmt.Errorf("%w: %d lines and the names of %d", errPacked, len(items), len(all))
	}
	for i, w := range all {
		items[i].Name, items[i].Newer = w.Name, w.Newer
	}
	return items, nil
}

func unpackLines(packed []byte, currency string) ([]Item, error) {
	values, packed, err := msgp.ReadArrayHeaderBytes(packed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPacked, err)
	}
	each, packed, err := msgp.ReadIntBytes(packed)
	if err != nil || each < lineValues || int(values-1)%each != 0 || int(values) > len(packed)+1 {
		return nil, fmt.Errorf("%w: %d values for each line, %d in all", errPacked, each, values)
	}
	items := make([]Item, int(values-1)/each)
	for i := range items {
		if packed, err = unpackLine(packed, each, &items[i]); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", errPacked, i, err)
		}
		items[i].UnitPrice.Currency = currency
	}
	return items, nil
}

// unpackLine reads a line of so many values, and what comes after it.
func unpackLine(packed []byte, each int, item *Item) ([]byte, error) {
	id, packed, err := msgp.ReadStringZC(packed)
	if err != nil || len(id) != 16 {
		return nil, errors.Join(err, errPacked)
	}
	text := hex.EncodeToString(id)
	item.ProductID = text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
	if item.Quantity, packed, err = msgp.ReadInt64Bytes(packed); err != nil {
		return nil, err
	}
	var price money.Money
	if price.Amount, packed, err = msgp.ReadInt64Bytes(packed); err != nil {
		return nil, err
	}
	item.UnitPrice = price
	for range each - lineValues {
		if packed, err = msgp.Skip(packed); err != nil {
			return nil, err
		}
	}
	return packed, nil
}

// undashed is a UUID in its text form without its four dashes; "" for what has another form.
func undashed(id string) string {
	if len(id) != 36 {
		return ""
	}
	return id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:]
}
