package purchases

import (
	"context"

	lru "github.com/hashicorp/golang-lru/v2"

	"evergreen/services/internal/products"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// mostKnown is of how many products a replica remembers what a purchase needs to know. With a name of 200 characters
// one takes at most 1 KiB.
const mostKnown = 2048

// known remembers products that purchases have asked for, which saves each purchase a read. What it remembers may be
// out of date: create.lua takes a purchase only if its products still have the version and the time of the last change
// that it was made from.
type known struct {
	catalogue catalogue
	products  *lru.Cache[string, products.Product]
}

func newKnown(c catalogue) known {
	list, err := lru.New[string, products.Product](mostKnown)
	if err != nil {
		panic(err) // mostKnown is not positive
	}
	return known{catalogue: c, products: list}
}

// lookup gives the products as they are remembered, if all of them are; else it reads them all.
func (k known) lookup(ctx context.Context, ids []string) ([]products.Product, error) {
	found, nameBytes := make([]products.Product, len(ids)), 0
	for i, id := range ids {
		p, ok := k.products.Get(id)
		if !ok {
			return k.read(ctx, ids)
		}
		found[i], nameBytes = p, nameBytes+len(p.Name)
	}
	return found, web.Hold(ctx, nameBytes)
}

// reread reads the products from the primary, after create.lua has found that one has changed.
func (k known) reread(ctx context.Context, ids []string) ([]products.Product, error) {
	return k.read(redisdb.FromPrimary(ctx), ids)
}

func (k known) read(ctx context.Context, ids []string) ([]products.Product, error) {
	found, err := k.catalogue.Lookup(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, p := range found {
		if p.Version == 0 { // there is no such product
			k.products.Remove(ids[i])
			continue
		}
		k.products.Add(ids[i], p)
	}
	return found, nil
}
