package purchases

import (
	"context"

	"github.com/tinylib/msgp/msgp"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// Get reads a purchase; owner is whose it has to be, "" for an admin.
func (s *Store) Get(ctx context.Context, id, owner string) (text []byte, etag string, err error) {
	fixed, state, err := s.load(ctx, id)
	if err != nil {
		return nil, "", err
	}
	if owner != "" && fixed.UserID != owner {
		return nil, "", NotFound()
	}
	text, err = render(fixed, state)
	return text, web.ETag(state.Version), err
}

func (s *Store) load(ctx context.Context, id string) (frozen, state, error) {
	fields, err := s.db.Hash(ctx, redisdb.KeyPurchase(id), storedFields...)
	if err != nil {
		return frozen{}, state{}, err
	}
	if fields["user"] == "" {
		return frozen{}, state{}, NotFound()
	}
	if err := web.Hold(ctx, makingBytes(fields)); err != nil {
		return frozen{}, state{}, err
	}
	return fromFields(id, fields)
}

// makingBytes is about how much memory it takes to render a purchase from these fields: a line is held as it is stored,
// decoded, and twice as JSON.
func makingBytes(fields redisdb.Fields) int {
	const lineBytes, jsonTimes = 800, 5
	values, _, err := msgp.ReadArrayHeaderBytes([]byte(fields["lines"]))
	if err != nil {
		return jsonTimes * fields.Bytes()
	}
	return fields.Bytes() + int(values)/lineValues*lineBytes
}
