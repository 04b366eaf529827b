package purchases

import (
	"context"

	"github.com/tinylib/msgp/msgp"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// Get reads a purchase; owner is whose it has to be, "" for an admin.
func (s *Store) Get(ctx context.Context, id, owner string) (text []byte, etag string, err error) {
	fixed, state, err := s.load(ctx, id, web.HoldToShow)
	if err != nil {
		return nil, "", err
	}
	if owner != "" && fixed.UserID != owner {
		return nil, "", NotFound()
	}
	text, err = render(fixed, state)
	return text, web.ETag(state.Version), err
}

// load reads a purchase; hold counts the memory that it takes to render it.
func (s *Store) load(ctx context.Context, id string, hold func(context.Context, int) error) (frozen, state, error) {
	fields, err := s.db.Hash(ctx, redisdb.KeyPurchase(id), storedFields...)
	if err != nil {
		return frozen{}, state{}, err
	}
	if fields["user"] == "" {
		return frozen{}, state{}, NotFound()
	}
	if err := hold(ctx, makingBytes(fields)); err != nil {
		return frozen{}, state{}, err
	}
	return fromFields(id, fields)
}

// holdAfterWrite counts the memory of an answer to a write that is kept already. Without room for it the outcome is not told; a
// retry under the same key gets it.
func holdAfterWrite(ctx context.Context, bytes int) error {
	if web.Hold(ctx, bytes) != nil {
		return fault.OutcomeUnknown
	}
	return nil
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
