package products

import (
	"context"
	_ "embed"
	"time"

	"github.com/go-json-experiment/json"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

//go:embed create.lua
var createSource string

//go:embed update.lua
var updateSource string

//go:embed delete.lua
var deleteSource string

//go:embed adjust.lua
var adjustSource string

var (
	createScript = redisdb.NewScript("product.create", createSource)
	updateScript = redisdb.NewScript("product.update", updateSource)
	deleteScript = redisdb.NewFreeingScript("product.delete", deleteSource)
	adjustScript = redisdb.NewScript("product.adjust", adjustSource)
)

// The scripts' codes, as their headers list them.
const (
	codeSKUTaken = iota + 1
	codeNotFound
	codeStale
	codeChanged
	codeTooFew
	codeRefUsed
	codeTooMany
)

// database is what the store needs of redisdb.
type database interface {
	Commit(ctx context.Context, cmd redisdb.Command) (redisdb.Result, error)
	Hash(ctx context.Context, key string, fields ...string) (redisdb.Fields, error)
	EachHash(ctx context.Context, keys, fields []string, each func(i int, found redisdb.Fields) (more bool, err error)) error
	Value(ctx context.Context, key string) (string, error)
	Newest(ctx context.Context, key, before string, limit int) ([]string, error)
	Count(ctx context.Context, key string) (int64, error)
	InAll(ctx context.Context, keys, ids []string) ([]bool, error)
}

// Store keeps the products.
type Store struct {
	db    database
	now   func() time.Time
	newID func() string
}

// NewStore makes a Store; now dates what is created and changed, newID names it.
func NewStore(db database, now func() time.Time, newID func() string) *Store {
	return &Store{db: db, now: now, newID: newID}
}

// Create adds a product. The answer is made from the input and the few values
// that the first run left, so a replay answers the same, byte for byte.
func (s *Store) Create(ctx context.Context, w web.Change, in CreateInput) (string, web.Outcome, error) {
	id, now := s.newID(), timestamp(s.now())
	made := body{ID: id, Details: in.Details, Version: 1, CreatedAt: now, UpdatedAt: now}
	text, err := made.render()
	if err != nil {
		return "", web.Outcome{}, err
	}
	keys := append([]string{redisdb.KeyProduct(id), redisdb.KeyProducts(), redisdb.KeyProductSKU(in.SKU)}, lists(in.Details)...)
	result, err := s.db.Commit(ctx, createScript.Command(w.Request, w.Actor, keys, id, text, in.SKU, in.Stock, now, millis(now)))
	if err != nil {
		return "", web.Outcome{}, err
	}
	if err := refusal(result, s.skuTaken); err != nil {
		return "", web.Outcome{}, err
	}
	made.ID, made.CreatedAt, made.UpdatedAt = result.Values[0], result.Values[1], result.Values[1]
	if text, err = made.render(); err != nil {
		return "", web.Outcome{}, err
	}
	return made.ID, web.Outcome{Body: withStock(string(text), in.Stock), ETag: web.ETag(1, in.Stock), Replayed: result.Replayed}, nil
}

// Update merges patch (RFC 7396) into the product. Between the reading and the
// writing somebody else may change it; then it is merged again, unless If-Match
// says that the client wants to decide that itself.
func (s *Store) Update(ctx context.Context, w web.Change, id string, patch []byte) (web.Outcome, error) {
	for ctx.Err() == nil {
		current, found, err := s.stored(ctx, id)
		if err != nil {
			return web.Outcome{}, err
		}
		next := current
		if found {
			if next, err = s.merge(current, patch); err != nil {
				return web.Outcome{}, err
			}
		}
		result, err := s.commitUpdate(ctx, w, current, next, id)
		if err != nil || result.Code != codeChanged {
			return updated(result, err, s.skuTaken)
		}
	}
	return web.Outcome{}, redisdb.ErrUnavailable
}

func (s *Store) commitUpdate(ctx context.Context, w web.Change, current, next body, id string) (redisdb.Result, error) {
	text, err := next.render()
	if err != nil {
		return redisdb.Result{}, err
	}
	leave, join := difference(lists(current.Details), lists(next.Details))
	keys := []string{redisdb.KeyProduct(id), redisdb.KeyProductSKU(current.SKU), redisdb.KeyProductSKU(next.SKU)}
	keys = append(append(keys, leave...), join...)
	return s.db.Commit(ctx, updateScript.Command(w.Request, w.Actor, keys, id, current.Version, w.IfMatch, text, current.SKU, next.SKU, len(leave),
		millis(next.UpdatedAt)))
}

func updated(result redisdb.Result, err error, skuTaken func(string) error) (web.Outcome, error) {
	if err != nil {
		return web.Outcome{}, err
	}
	if err := refusal(result, skuTaken); err != nil {
		return web.Outcome{}, err
	}
	var b body
	if err := json.Unmarshal([]byte(result.Values[0]), &b); err != nil {
		return web.Outcome{}, err
	}
	stock := result.Int(1)
	return web.Outcome{Body: withStock(result.Values[0], stock), ETag: web.ETag(b.Version, stock), Replayed: result.Replayed}, nil
}

func (s *Store) merge(current body, patch []byte) (body, error) {
	merged, err := web.Merge(current.Details, patch)
	if err != nil {
		return body{}, err
	}
	next := current
	next.Details, next.Version, next.UpdatedAt = merged, current.Version+1, timestamp(s.now())
	return next, next.Check()
}

// Delete removes the product.
func (s *Store) Delete(ctx context.Context, w web.Change, id string) (replayed bool, err error) {
	for ctx.Err() == nil {
		current, _, err := s.stored(ctx, id)
		if err != nil {
			return false, err
		}
		keys := []string{redisdb.KeyProduct(id), redisdb.KeyProducts(), redisdb.KeyProductSKU(current.SKU), redisdb.KeyProductAdjustments(id)}
		keys = append(keys, lists(current.Details)...)
		result, err := s.db.Commit(ctx, deleteScript.Command(w.Request, w.Actor, keys, id, current.Version, w.IfMatch, current.SKU))
		if err != nil || result.Code != codeChanged {
			if err == nil {
				err = refusal(result, s.skuTaken)
			}
			return result.Replayed, err
		}
	}
	return false, redisdb.ErrUnavailable
}

// stored reads the product for a change, from the primary. That there is none is
// no error yet: a replay of a deletion has to reach its script.
func (s *Store) stored(ctx context.Context, id string) (body, bool, error) {
	fields, err := s.db.Hash(redisdb.FromPrimary(ctx), redisdb.KeyProduct(id), "body")
	if err != nil || fields == nil {
		return body{}, false, err
	}
	b, err := parse(remaining(fields["body"]))
	return b, true, err
}

func (s *Store) skuTaken(holder string) error {
	return fault.New(fault.Conflict, "sku-taken", "Another product has this SKU: "+holder+".",
		fault.Field{Pointer: "/sku", Code: "taken", Detail: "This SKU belongs to " + holder + "."})
}

// refusal maps a script's code to its error, marked where it is remembered.
func refusal(r redisdb.Result, skuTaken func(string) error) error {
	var err error
	switch r.Code {
	case 0:
		return nil
	case codeSKUTaken:
		err = skuTaken(r.Values[0])
	case codeNotFound:
		err = NotFound()
	case codeStale:
		err = web.Stale()
	case codeTooFew, codeTooMany, codeRefUsed:
		err = adjustRefusal(r)
	default:
		return r.Unread("a product script")
	}
	if r.Replayed {
		return fault.AsReplayed(err)
	}
	return err
}

// NotFound is the refusal of an id that no product has.
func NotFound() error {
	return fault.New(fault.NotFound, "no-product", "There is no product with this id.")
}
