package products

import (
	"context"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// Get reads one product, rendered, with its ETag.
func (s *Store) Get(ctx context.Context, id string) (text []byte, etag string, err error) {
	fields, err := s.db.Hash(ctx, redisdb.KeyProduct(id), "body", "stock", "version")
	if err != nil {
		return nil, "", err
	}
	if fields == nil {
		return nil, "", NotFound()
	}
	stock, _ := strconv.ParseInt(fields["stock"], 10, 64)
	version, _ := strconv.ParseInt(fields["version"], 10, 64)
	return withStock(fields["body"], stock), web.ETag(version, stock), nil
}

// Lookup reads what a purchase needs to know of many products; one that does
// not exist is the zero Product.
func (s *Store) Lookup(ctx context.Context, ids []string) ([]Product, error) {
	list := make([]Product, len(ids))
	return list, s.db.EachHash(ctx, productKeys(ids), []string{"body"}, func(i int, fields redisdb.Fields) (bool, error) {
		if fields == nil {
			return true, nil
		}
		var b body
		if err := json.Unmarshal([]byte(fields["body"]), &b); err != nil {
			return false, err
		}
		list[i] = Product{ID: b.ID, Name: b.Name, Price: *b.Price, Version: b.Version, Updated: millis(b.UpdatedAt)}
		if b.MaxPerCustomer != nil {
			list[i].MaxPerCustomer = *b.MaxPerCustomer
		}
		return true, web.Hold(ctx, len(b.Name))
	})
}

// List gives a page of the products that match every filter: sku, family,
// category, tag.
func (s *Store) List(ctx context.Context, page web.Page, filters map[string]string) ([]jsontext.Value, string, error) {
	if sku := filters["sku"]; sku != "" {
		return s.bySKU(ctx, page, sku, filters)
	}
	list, others, err := s.shortest(ctx, filters)
	if err != nil {
		return nil, "", err
	}
	return web.Collect(page,
		func(before string, n int) ([]string, error) { return s.db.Newest(ctx, list, before, n) },
		func(ids []string, room int) ([]jsontext.Value, error) {
			return s.loadListed(ctx, ids, others, filters, room)
		})
}

func (s *Store) bySKU(ctx context.Context, page web.Page, sku string, filters map[string]string) ([]jsontext.Value, string, error) {
	id, err := s.db.Value(ctx, redisdb.KeyProductSKU(sku))
	if err != nil || id == "" || (page.Before != "" && id >= page.Before) {
		return nil, "", err
	}
	items, err := s.load(ctx, []string{id}, filters, 1)
	return slices.DeleteFunc(items, func(v jsontext.Value) bool { return v == nil }), "", err
}

// shortest picks the list with the fewest ids, and gives the lists of the other filters.
func (s *Store) shortest(ctx context.Context, filters map[string]string) (shortest string, others []string, err error) {
	least := int64(-1)
	for filter, value := range filters {
		key := redisdb.KeyProductsBy(filter, value)
		count, err := s.db.Count(ctx, key)
		if err != nil {
			return "", nil, err
		}
		others = append(others, key)
		if least < 0 || count < least {
			shortest, least = key, count
		}
	}
	if least < 0 {
		return redisdb.KeyProducts(), nil, nil
	}
	return shortest, slices.DeleteFunc(others, func(key string) bool { return key == shortest }), nil
}

// loadListed loads those products that stand in all of the lists too, nil standing for the
// others, until they have room bytes. To look an id up in a list costs a small part of what it costs to load a product.
func (s *Store) loadListed(
	ctx context.Context, ids, lists []string, filters map[string]string, room int,
) ([]jsontext.Value, error) {
	if loadsFirst() {
		return s.load(ctx, ids, filters, room)
	}
	listed, err := s.db.InAll(ctx, lists, ids)
	if err != nil {
		return nil, err
	}
	var wanted []string
	for i, id := range ids {
		if listed[i] {
			wanted = append(wanted, id)
		}
	}
	loaded, err := s.load(ctx, wanted, filters, room)
	if err != nil {
		return nil, err
	}
	var items []jsontext.Value
	for i := range ids {
		switch {
		case !listed[i]:
			items = append(items, nil)
		case len(loaded) == 0:
			return items, nil // those before have filled the room
		default:
			items, loaded = append(items, loaded[0]), loaded[1:]
		}
	}
	return items, nil
}

func (s *Store) load(ctx context.Context, ids []string, filters map[string]string, room int) ([]jsontext.Value, error) {
	page := web.Render(ctx, room)
	err := s.db.EachHash(ctx, productKeys(ids), []string{"body", "stock"}, func(_ int, fields redisdb.Fields) (bool, error) {
		if fields == nil {
			return page.Add(nil)
		}
		if matches, err := match(fields["body"], filters); err != nil || !matches {
			if err != nil {
				return false, err
			}
			return page.Add(nil)
		}
		stock, _ := strconv.ParseInt(fields["stock"], 10, 64)
		return page.Add(withStock(fields["body"], stock))
	})
	return page.Items, err
}

func productKeys(ids []string) []string {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = redisdb.KeyProduct(id)
	}
	return keys
}

func match(text string, filters map[string]string) (bool, error) {
	if len(filters) == 0 {
		return true, nil
	}
	var b body
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return false, err
	}
	for filter, value := range filters {
		matches := map[string]bool{
			"sku": b.SKU == value, "family": b.Family == value,
			"category": b.Category == value, "tag": slices.Contains(b.Tags, value),
		}
		if !matches[filter] {
			return false, nil
		}
	}
	return true, nil
}

// lists names the lists that a product stands in, beside the list of all.
func lists(d Details) []string {
	var keys []string
	if d.Family != "" {
		keys = append(keys, redisdb.KeyProductsBy("family", d.Family))
	}
	if d.Category != "" {
		keys = append(keys, redisdb.KeyProductsBy("category", d.Category))
	}
	for _, tag := range d.Tags {
		keys = append(keys, redisdb.KeyProductsBy("tag", tag))
	}
	return keys
}

// difference gives what only before has and what only after has.
func difference(before, after []string) (leave, join []string) {
	for _, key := range before {
		if !slices.Contains(after, key) {
			leave = append(leave, key)
		}
	}
	for _, key := range after {
		if !slices.Contains(before, key) {
			join = append(join, key)
		}
	}
	return leave, join
}
