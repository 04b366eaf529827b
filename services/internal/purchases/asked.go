package purchases

import (
	"strconv"

	"github.com/google/uuid"
	"github.com/tinylib/msgp/msgp"
)

// asked gives create.lua's arg of the same name: the limits of the buyer's quotas and the products, in one MessagePack
// array. Redis takes an arg of its own for each value much longer than the script takes to unpack them.
func (s *Store) asked(buyer Buyer, d *draft) []byte {
	q, share, bytes := s.quotas, s.share(), d.bytes+countedBytes(len(d.products))
	if !buyer.Counted || q.off {
		bytes = 0
	}
	packed := make([]byte, 0, 128+64*len(d.products))
	packed = msgp.AppendArrayHeader(packed, uint32(10+5*len(d.products)))
	packed = appendID(packed, d.ID)
	for _, n := range []int64{
		int64(bytes), int64(q.OpenPurchases), int64(q.OpenLines), int64(q.OpenPieces), int64(q.ProductPieces), q.CoolDown.Milliseconds(),
		share, share * int64(q.AddressPercent) / 100,
	} {
		packed = msgp.AppendInt64(packed, n)
	}
	packed = msgp.AppendString(packed, buyer.Address)
	for i, id := range d.products {
		packed = msgp.AppendString(packed, strconv.FormatInt(d.versions[i], 10))
		packed = msgp.AppendInt64(packed, d.pieces[i])
		packed = appendID(packed, id)
		packed = msgp.AppendInt64(packed, d.most[i])
		packed = msgp.AppendString(packed, strconv.FormatInt(d.updated[i], 10))
	}
	return packed
}

// appendID appends an id in 16 bytes; what is no UUID stays as it is.
func appendID(packed []byte, id string) []byte {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return msgp.AppendString(packed, id)
	}
	return msgp.AppendStringFromBytes(packed, parsed[:])
}
