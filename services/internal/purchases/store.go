package purchases

import (
	"context"
	_ "embed"
	"time"

	"github.com/go-json-experiment/json"

	"evergreen/services/internal/products"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

//go:embed create.lua
var createSource string

//go:embed held.lua
var heldSource string

//go:embed quota.lua
var quotaSource string

//go:embed purge.lua
var purgeSource string

//go:embed common.lua
var commonSource string

//go:embed release.lua
var releaseSource string

//go:embed pay.lua
var paySource string

//go:embed fulfil.lua
var fulfilSource string

//go:embed refund.lua
var refundSource string

var (
	createScript  = redisdb.NewScript("purchase.create", quotaSource+createSource)
	releaseScript = redisdb.NewFreeingScript("purchase.release", heldSource+commonSource+releaseSource)
	payScript     = redisdb.NewScript("purchase.pay", heldSource+commonSource+paySource)
	fulfilScript  = redisdb.NewScript("purchase.fulfil", heldSource+commonSource+fulfilSource)
	refundScript  = redisdb.NewScript("purchase.refund", heldSource+commonSource+refundSource)
	purgeScript   = redisdb.NewFreeingScript("purchase.purge", heldSource+purgeSource)
)

// database is what the store needs of redisdb.
type database interface {
	Commit(ctx context.Context, cmd redisdb.Command) (redisdb.Result, error)
	Hash(ctx context.Context, key string, fields ...string) (redisdb.Fields, error)
	Hashes(ctx context.Context, keys []string, fields ...string) ([]redisdb.Fields, error)
	EachHash(ctx context.Context, keys, fields []string, each func(i int, found redisdb.Fields) (more bool, err error)) error
	Value(ctx context.Context, key string) (string, error)
	Newest(ctx context.Context, key, before string, limit int) ([]string, error)
	NewestOf(ctx context.Context, keys []string, before string, limit int) ([][]string, error)
	Due(ctx context.Context, key string, limit int64) ([]string, error)
	InForce(layout int) bool
}

// catalogue is what a purchase needs to know of products.
type catalogue interface {
	Lookup(ctx context.Context, ids []string) ([]products.Product, error)
}

// Store keeps the purchases.
type Store struct {
	db          database
	products    known
	reservation time.Duration
	quotas      Quotas
	memory      func() int64
	newID       func() string
	metrics     *Metrics
	full        chan struct{} // wakes the purger
}

// NewStore makes a Store; reservation is how long an unpaid purchase holds its
// stock, memory how many bytes the store may hold (0: not known yet), newID names purchases.
func NewStore(
	db database, products catalogue, reservation time.Duration, q Quotas, memory func() int64, newID func() string, m *Metrics,
) *Store {
	return &Store{
		db: db, products: newKnown(products), reservation: reservation, quotas: weakened(q), memory: memory, newID: newID, metrics: m,
		full: make(chan struct{}, 1),
	}
}

// Create buys for buyer, at the prices that this replica remembers or reads. The script
// refuses them if a product has changed since, and then they are read from the primary.
func (s *Store) Create(ctx context.Context, w web.Change, buyer Buyer, in CreateInput) (string, web.Outcome, error) {
	w, spare := spared(w)
	lines := merge(in.Items)
	for lookup := s.lookup(w); ctx.Err() == nil; lookup = s.products.reread {
		found, err := lookup(ctx, distinct(lines))
		if err != nil {
			return "", web.Outcome{}, err
		}
		d := newDraft(lines, found)
		d.ID, d.UserID, d.ExternalRef, d.spare = s.newID(), buyer.ID, in.ExternalRef, spare
		result, err := s.commitCreate(ctx, w, buyer, &d)
		if err != nil {
			return "", web.Outcome{}, err
		}
		s.metrics.created(ctx, result)
		if result.Code != codeChanged {
			buyer.told(d, result)
			return s.created(ctx, d, result, in)
		}
	}
	return "", web.Outcome{}, redisdb.ErrUnavailable
}

// spared takes the shares of a day out of w. They bound the refusals that are remembered: beyond them a purchase can still
// be made, or a few free accounts would stop all new customers.
func spared(w web.Change) (rest web.Change, spare string) {
	if w.Refusal == web.QuotaDayShare || w.Refusal == web.QuotaDayAddress {
		w.Refusal, spare = "", w.Refusal
	}
	return w, spare
}

// lookup is how the products of a purchase are read first. One that is refused already needs none: it gets its remembered
// outcome, if it has one, or the refusal. So a refused purchase of 1,000 lines costs about as much as one of one line.
func (s *Store) lookup(w web.Change) func(context.Context, []string) ([]products.Product, error) {
	if w.Refusal == "" {
		return s.products.lookup
	}
	return func(_ context.Context, ids []string) ([]products.Product, error) {
		return make([]products.Product, len(ids)), nil
	}
}

func (s *Store) commitCreate(ctx context.Context, w web.Change, buyer Buyer, d *draft) (redisdb.Result, error) {
	sent := *d
	if w.Refusal != "" {
		sent.Items, sent.products = nil, nil // the prelude refuses it before the script looks at them
	}
	lines, people, err := s.form(sent.Items)
	if err != nil {
		return redisdb.Result{}, err
	}
	keys := []string{
		redisdb.KeyPurchase(d.ID), redisdb.KeyReservations(), redisdb.KeyPurchases(Pending), redisdb.KeyUserPurchases(d.UserID),
		redisdb.KeyPurchaseRef(d.ExternalRef), redisdb.KeyUser(d.UserID), redisdb.KeyAllPurchases(),
		redisdb.KeyHeld(d.UserID), redisdb.KeyStrikes(d.UserID), redisdb.KeyUnpaid(),
	}
	for _, id := range sent.products {
		keys = append(keys, redisdb.KeyProduct(id))
	}
	d.bytes = storedBytes(len(lines)+len(people), d.ExternalRef)
	sent.bytes = d.bytes
	cmd := createScript.Command(w.Request, w.Actor, keys,
		d.ID, d.UserID, lines, people, len(d.Items), d.Total.Amount, d.Total.Currency, d.ExternalRef, s.reservation.Milliseconds(), d.refusal,
		s.asked(buyer, &sent), d.spare)
	cmd.Refusal = w.Refusal
	return s.db.Commit(ctx, cmd)
}

// form gives the lines of a purchase in the form of the layout in force: packed lines and people, or no lines and items.
func (s *Store) form(items []Item) (lines, people []byte, err error) {
	if !s.db.InForce(3) {
		people, err = json.Marshal(items)
		return nil, people, err
	}
	if lines, err = packLines(items); err != nil {
		return nil, nil, err
	}
	people, err = packPeople(items)
	return lines, people, err
}

func (s *Store) created(ctx context.Context, d draft, r redisdb.Result, in CreateInput) (string, web.Outcome, error) {
	if err := s.overQuota(r, d, in); err != nil {
		return "", web.Outcome{}, err
	}
	if err := createRefusal(r, d, in); err != nil {
		return "", web.Outcome{}, err
	}
	if r.Replayed {
		return s.createdBefore(ctx, r)
	}
	fixed := d.frozen
	fixed.CreatedAt = r.Int(1)
	outcome, err := outcome(fixed, asMade(fixed, stateWhenMade(r)), false)
	return fixed.ID, outcome, err
}

// createdBefore gives the answer of the run that made the purchase. It may have
// frozen other names and prices than we just read.
func (s *Store) createdBefore(ctx context.Context, r redisdb.Result) (string, web.Outcome, error) {
	fixed, stored, err := s.load(redisdb.FromPrimary(ctx), r.Values[0], holdAfterWrite)
	if err != nil {
		return "", web.Outcome{}, err
	}
	first := asMade(fixed, stored)
	if len(r.Values) > createdOuts {
		first = fromResult(r, 2)
	}
	outcome, err := outcome(fixed, first, true)
	return fixed.ID, outcome, err
}

// Pay marks a purchase as paid.
func (s *Store) Pay(ctx context.Context, w web.Change, id string, in PayInput) (web.Outcome, error) {
	return s.move(ctx, id, Paid, s.moveCommand(payScript, w, id, "", 0, in.Reference))
}

// Cancel gives a pending purchase's stock back; owner is "" for an admin.
func (s *Store) Cancel(ctx context.Context, w web.Change, id, owner string) (web.Outcome, error) {
	coolMillis := s.quotas.coolDownMillis(Cancelled, owner != "")
	return s.move(ctx, id, Cancelled, s.moveCommand(releaseScript, w, id, owner, coolMillis, Cancelled))
}

// Fulfil says that a paid purchase was handed over.
func (s *Store) Fulfil(ctx context.Context, w web.Change, id string) (web.Outcome, error) {
	return s.move(ctx, id, Fulfilled, s.moveCommand(fulfilScript, w, id, "", 0))
}

// Refund gives back what in names, or all that is left.
func (s *Store) Refund(ctx context.Context, w web.Change, id string, in RefundInput) (web.Outcome, error) {
	args := []any{in.ExternalRef}
	for _, line := range in.Items {
		args = append(args, line.ProductID, line.Quantity)
	}
	return s.move(ctx, id, Refunded, s.moveCommand(refundScript, w, id, "", 0, args...))
}

// move commits what moves the purchase of that id into a status.
func (s *Store) move(ctx context.Context, id, status string, cmd redisdb.Command) (web.Outcome, error) {
	r, err := s.db.Commit(ctx, cmd)
	if err != nil {
		return web.Outcome{}, err
	}
	s.metrics.moved(ctx, status, r)
	if err := moveRefusal(r); err != nil {
		return web.Outcome{}, err
	}
	fixed, _, err := s.load(ctx, id, holdAfterWrite)
	if err != nil {
		return web.Outcome{}, err
	}
	s.metrics.money(ctx, status, fixed, r)
	return outcome(fixed, fromResult(r, 0), r.Replayed)
}

// moveCommand builds what common.lua expects; coolMillis is what the move adds to the customer's cool-down.
func (s *Store) moveCommand(
	script *redisdb.Script, w web.Change, id, owner string, coolMillis int64, args ...any,
) redisdb.Command {
	w, spare := spared(w)
	keys := []string{redisdb.KeyPurchase(id), redisdb.KeyReservations(), redisdb.KeyUnpaid()}
	all := append([]any{
		id, owner, w.IfMatch, redisdb.KeyProduct(""), redisdb.KeyPurchases(""), redisdb.KeyHeld(""), redisdb.KeyStrikes(""),
		s.quotas.CoolDown.Milliseconds(), coolMillis, spare,
	}, args...)
	cmd := script.Command(w.Request, w.Actor, keys, all...)
	cmd.Refusal = w.Refusal
	return cmd
}

func outcome(f frozen, s state, replayed bool) (web.Outcome, error) {
	text, err := render(f, s)
	return web.Outcome{Body: text, ETag: web.ETag(s.Version), Replayed: replayed}, err
}
