package purchases

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/money"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// Filter says which purchases a list shows; "" leaves a part open.
type Filter struct {
	Owner, Status, ExternalRef string
	// Items has the list show purchases with their lines, in place of summaries.
	Items bool
}

// admits reports whether a stored purchase matches. Fields of one that is not there never do.
func (f Filter) admits(fields redisdb.Fields) bool {
	return fields["user"] != "" && (f.Owner == "" || fields["user"] == f.Owner) && (f.Status == "" || fields["status"] == f.Status)
}

// summary is a purchase as lists show it.
type summary struct {
	ID               string      `json:"id"`
	UserID           string      `json:"user_id"`
	Status           string      `json:"status"`
	LineCount        int64       `json:"line_count"`
	Total            money.Money `json:"total"`
	ReservedUntil    string      `json:"reserved_until,omitempty"`
	PaymentReference string      `json:"payment_reference,omitempty"`
	ExternalRef      string      `json:"external_ref,omitempty"`
	Version          int64       `json:"version"`
	CreatedAt        string      `json:"created_at"`
	UpdatedAt        string      `json:"updated_at"`
}

// summaryFields are the fields of a purchase's hash that a summary needs. All are short.
var summaryFields = []string{
	"user", "status", "version", "count", "total", "currency", "external_ref", "created", "updated", "reserved", "reference",
}

const (
	// frameBytes is what a page needs beside its purchases. The first purchase is always shown.
	frameBytes = 1024
	// uncountedAtOnce is how many purchases of an older program one exchange reads, whose lines are to be counted.
	uncountedAtOnce = 4
)

// List gives a page of the purchases that match, and the id where the next page goes on, or "".
func (s *Store) List(ctx context.Context, page web.Page, f Filter) ([]jsontext.Value, string, error) {
	load, shown := s.summaries, 0 // shown is how many bytes the page has
	if f.Items {
		load = func(ctx context.Context, ids []string, f Filter) ([]jsontext.Value, error) {
			return s.whole(ctx, ids, f, &shown)
		}
	}
	return s.page(ctx, page, f, func(ids []string) ([]jsontext.Value, error) { return load(ctx, ids, f) })
}

func (s *Store) page(
	ctx context.Context, page web.Page, f Filter, load func([]string) ([]jsontext.Value, error),
) ([]jsontext.Value, string, error) {
	if f.ExternalRef == "" {
		return web.Collect(page, func(before string, n int) ([]string, error) { return s.ids(ctx, f, before, n) },
			func(ids []string, _ int) ([]jsontext.Value, error) { return load(ids) })
	}
	id, err := s.db.Value(ctx, redisdb.KeyPurchaseRef(f.ExternalRef))
	if err != nil || id == "" || (page.Before != "" && id >= page.Before) {
		return nil, "", err
	}
	items, err := load([]string{id})
	return slices.DeleteFunc(items, func(v jsontext.Value) bool { return v == nil }), "", err
}

// summaries reads the purchases without their lines. One that does not match is nil.
func (s *Store) summaries(ctx context.Context, ids []string, f Filter) ([]jsontext.Value, error) {
	all, err := s.db.Hashes(ctx, purchaseKeys(ids), summaryFields...)
	if err != nil {
		return nil, err
	}
	if err := s.countLines(ctx, ids, all, f); err != nil {
		return nil, err
	}
	items := make([]jsontext.Value, len(ids))
	for i, fields := range all {
		if !f.admits(fields) {
			continue
		}
		if items[i], err = json.Marshal(summarise(ids[i], fields)); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// whole reads the purchases with their lines, one after the other, and stops before one with which the page would be too
// long. One that does not match is nil.
func (s *Store) whole(ctx context.Context, ids []string, f Filter, shown *int) ([]jsontext.Value, error) {
	most := web.MostPage() - frameBytes
	page := web.Render(ctx, most)
	err := s.db.EachHash(ctx, purchaseKeys(ids), storedFields, func(i int, fields redisdb.Fields) (bool, error) {
		if !f.admits(fields) {
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
		if err != nil || *shown > 0 && *shown+len(item) > most {
			return false, err
		}
		*shown += len(item) + 1
		return page.Add(item)
	})
	return page.Items, err
}

func summarise(id string, f redisdb.Fields) summary {
	n := func(name string) int64 { v, _ := strconv.ParseInt(f[name], 10, 64); return v }
	short := summary{
		ID: id, UserID: f["user"], Status: f["status"], LineCount: n("count"),
		Total:            money.Money{Amount: n("total"), Currency: f["currency"]},
		PaymentReference: f["reference"], ExternalRef: f["external_ref"], Version: n("version"),
		CreatedAt: web.Time(n("created")), UpdatedAt: web.Time(n("updated")),
	}
	if short.Status == Pending {
		short.ReservedUntil = web.Time(n("reserved"))
	}
	return short
}

// countLines adds the number of lines to purchases of an older program that no migration has counted yet.
func (s *Store) countLines(ctx context.Context, ids []string, all []redisdb.Fields, f Filter) error {
	var uncounted []int
	for i, fields := range all {
		if fields["count"] == "" && f.admits(fields) {
			uncounted = append(uncounted, i)
		}
	}
	for part := range slices.Chunk(uncounted, uncountedAtOnce) {
		some := make([]string, len(part))
		for n, i := range part {
			some[n] = ids[i]
		}
		found, err := s.db.Hashes(ctx, purchaseKeys(some), "items")
		if err != nil {
			return err
		}
		for n, i := range part {
			var lines []jsontext.Value
			if err := json.Unmarshal([]byte(found[n]["items"]), &lines); err != nil {
				return err
			}
			all[i]["count"] = strconv.Itoa(len(lines))
		}
	}
	return nil
}

func purchaseKeys(ids []string) []string {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = redisdb.KeyPurchase(id)
	}
	return keys
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
