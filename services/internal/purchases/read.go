package purchases

import (
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
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

// Filter says which purchases a list shows; "" leaves a part open.
type Filter struct {
	Owner, Status, ExternalRef string
}

// List gives a page of the purchases that match.
func (s *Store) List(ctx context.Context, page web.Page, f Filter) ([]jsontext.Value, string, error) {
	if f.ExternalRef != "" {
		return s.byRef(ctx, page, f)
	}
	return web.Collect(page,
		func(before string, n int) ([]string, error) { return s.ids(ctx, f, before, n) },
		func(ids []string, room int) ([]jsontext.Value, error) { return s.loadAll(ctx, ids, f, room) })
}

func (s *Store) byRef(ctx context.Context, page web.Page, f Filter) ([]jsontext.Value, string, error) {
	id, err := s.db.Value(ctx, redisdb.KeyPurchaseRef(f.ExternalRef))
	if err != nil || id == "" || (page.Before != "" && id >= page.Before) {
		return nil, "", err
	}
	items, err := s.loadAll(ctx, []string{id}, f, 1)
	return slices.DeleteFunc(items, func(v jsontext.Value) bool { return v == nil }), "", err
}

// ids reads from the shortest list that has every match. Open purchases have a list for each
// status. The matches among all others are found by looking at each purchase.
func (s *Store) ids(ctx context.Context, f Filter, before string, n int) ([]string, error) {
	switch {
	case f.Owner != "":
		return s.db.Newest(ctx, redisdb.KeyUserPurchases(f.Owner), before, n)
	case f.Status == Pending || f.Status == Paid:
		return s.db.Newest(ctx, redisdb.KeyPurchases(f.Status), before, n)
	case s.db.InForce(3):
		return s.db.Newest(ctx, redisdb.KeyAllPurchases(), before, n)
	}
	return s.idsBefore3(ctx, before, n)
}

// idsBefore3 reads the list of all purchases before layout 3: purchases of the release before
// stand in the lists of the statuses alone, until a migration has listed them.
func (s *Store) idsBefore3(ctx context.Context, before string, n int) ([]string, error) {
	keys := []string{redisdb.KeyAllPurchases()}
	for _, status := range Statuses() {
		keys = append(keys, redisdb.KeyPurchases(status))
	}
	lists, err := s.db.NewestOf(ctx, keys, before, n)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(b, a) })
	all = slices.Compact(all)
	return all[:min(n, len(all))], nil
}

// loadAll renders the purchases of ids, of which a filter may leave some out, until they have room bytes.
func (s *Store) loadAll(ctx context.Context, ids []string, f Filter, room int) ([]jsontext.Value, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = redisdb.KeyPurchase(id)
	}
	page := web.Render(ctx, room)
	err := s.db.EachHash(ctx, keys, storedFields, func(i int, fields redisdb.Fields) (bool, error) {
		if fields["user"] == "" || (f.Owner != "" && fields["user"] != f.Owner) || (f.Status != "" && fields["status"] != f.Status) {
			return page.Add(nil)
		}
		if err := page.Expect(makingBytes(fields)); err != nil {
			return false, err
		}
		fixed, state, err := fromFields(ids[i], fields)
		if err != nil {
			return false, err
		}
		item, err := render(fixed, state)
		if err != nil {
			return false, err
		}
		return page.Add(item)
	})
	return page.Items, err
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
