package users

import (
	"context"
	_ "embed"
	"time"

	"github.com/go-json-experiment/json/jsontext"

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

var (
	createScript = redisdb.NewScript("user.create", createSource)
	updateScript = redisdb.NewScript("user.update", updateSource)
	deleteScript = redisdb.NewFreeingScript("user.delete", deleteSource)
)

// The scripts' codes, as their headers list them.
const (
	codeEmailTaken = iota + 1
	codeNotFound
	codeStale
	codeChanged
	codeHashWanted
)

// database is what the store needs of redisdb.
type database interface {
	Commit(ctx context.Context, cmd redisdb.Command) (redisdb.Result, error)
	Hash(ctx context.Context, key string, fields ...string) (redisdb.Fields, error)
	EachHash(ctx context.Context, keys, fields []string, each func(i int, found redisdb.Fields) (more bool, err error)) error
	Value(ctx context.Context, key string) (string, error)
	Newest(ctx context.Context, key, before string, limit int) ([]string, error)
}

// Store keeps the users.
type Store struct {
	db        database
	passwords *Passwords
	now       func() time.Time
	newID     func() string
}

// NewStore makes a Store; now dates what is created and changed, newID names it.
func NewStore(db database, passwords *Passwords, now func() time.Time, newID func() string) *Store {
	return &Store{db: db, passwords: passwords, now: now, newID: newID}
}

// Create signs a customer up. The script checks everything first, without the password's
// hash: what it refuses, or remembers, costs none.
func (s *Store) Create(ctx context.Context, w web.Change, in SignUp, h Hashing) (User, bool, error) {
	id := s.newID()
	if !hashesFirst() {
		result, err := s.commitCreate(redisdb.Untold(ctx), w, id, in, web.RoleCustomer, toBeHashed, "")
		if err != nil {
			return User{}, false, err
		}
		if result.Code != codeHashWanted {
			redisdb.Tell(ctx, result)
			return created(in, web.RoleCustomer, result)
		}
	}
	hash, err := s.passwords.hash(ctx, h.purpose(), in.Password)
	if err != nil {
		return User{}, false, err
	}
	return s.create(ctx, w, id, in, web.RoleCustomer, hash, "")
}

func (s *Store) create(ctx context.Context, w web.Change, id string, in SignUp, role, hash, seed string) (User, bool, error) {
	result, err := s.commitCreate(ctx, w, id, in, role, hash, seed)
	if err != nil {
		return User{}, false, err
	}
	return created(in, role, result)
}

func (s *Store) commitCreate(
	ctx context.Context, w web.Change, id string, in SignUp, role, hash, seed string,
) (redisdb.Result, error) {
	keys := []string{redisdb.KeyUser(id), redisdb.KeyUserEmail(Fold(in.Email)), redisdb.KeyUsers()}
	cmd := createScript.Command(w.Request, w.Actor, keys,
		id, in.Email, in.FirstName, in.LastName, role, hash, web.Time(s.now().UnixMilli()), seed)
	cmd.Refusal = w.Refusal
	return s.db.Commit(ctx, cmd)
}

func created(in SignUp, role string, r redisdb.Result) (User, bool, error) {
	if err := refusal(r); err != nil {
		return User{}, false, err
	}
	return User{
		ID: r.Values[0], Email: in.Email, FirstName: in.FirstName, LastName: in.LastName, Role: role,
		Version: 1, CreatedAt: r.Values[1], UpdatedAt: r.Values[1],
	}, r.Replayed, nil
}

// Get reads one user.
func (s *Store) Get(ctx context.Context, id string) (User, error) {
	fields, err := s.db.Hash(ctx, redisdb.KeyUser(id), shownFields...)
	if err != nil {
		return User{}, err
	}
	user, found := fromFields(id, fields)
	if !found {
		return User{}, NotFound()
	}
	return user, nil
}

// List gives a page of the users, or the one with the email.
func (s *Store) List(ctx context.Context, page web.Page, email string) ([]jsontext.Value, string, error) {
	if email == "" {
		return web.Collect(page,
			func(before string, n int) ([]string, error) { return s.db.Newest(ctx, redisdb.KeyUsers(), before, n) },
			func(ids []string, room int) ([]jsontext.Value, error) { return s.load(ctx, ids, room) })
	}
	id, err := s.db.Value(ctx, redisdb.KeyUserEmail(Fold(email)))
	if err != nil || id == "" || (page.Before != "" && id >= page.Before) {
		return nil, "", err
	}
	items, err := s.load(ctx, []string{id}, 1)
	if err != nil || items[0] == nil {
		return nil, "", err
	}
	return items, "", nil
}

func (s *Store) load(ctx context.Context, ids []string, room int) ([]jsontext.Value, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = redisdb.KeyUser(id)
	}
	page := web.Render(ctx, room)
	err := s.db.EachHash(ctx, keys, shownFields, func(i int, fields redisdb.Fields) (bool, error) {
		user, exists := fromFields(ids[i], fields)
		if !exists {
			return page.Add(nil)
		}
		item, err := user.Render()
		if err != nil {
			return false, err
		}
		return page.Add(item)
	})
	return page.Items, err
}

// Update merges patch (RFC 7396) into the user's profile.
func (s *Store) Update(ctx context.Context, w web.Change, id string, patch []byte, h Hashing) (User, bool, error) {
	hash := ""
	for ctx.Err() == nil {
		current, profile, err := s.merged(ctx, id, patch)
		if err != nil {
			return User{}, false, err
		}
		result, err := s.update(ctx, w, current, profile, id, hash)
		if err != nil {
			return User{}, false, err
		}
		switch result.Code {
		case codeChanged:
		case codeHashWanted:
			if hash, err = s.hashChanged(ctx, current, *profile.Password, h); err != nil {
				return User{}, false, err
			}
		default:
			redisdb.Tell(ctx, result)
			return updated(id, result)
		}
	}
	return User{}, false, redisdb.ErrUnavailable
}

// update commits a change. Of one that has a password and no hash yet it learns whether only the hash is missing.
func (s *Store) update(ctx context.Context, w web.Change, current User, p Profile, id, hash string) (redisdb.Result, error) {
	if p.Password == nil {
		return s.commitUpdate(redisdb.Untold(ctx), w, id, current, p, "", "")
	}
	if hash == "" && hashesFirst() {
		return redisdb.Result{Code: codeHashWanted}, nil
	}
	if hash == "" {
		hash = toBeHashed
	}
	return s.commitUpdate(redisdb.Untold(ctx), w, id, current, p, hash, "")
}

// hashChanged hashes an account's new password, if the account may change it now.
func (s *Store) hashChanged(ctx context.Context, current User, password string, h Hashing) (string, error) {
	if h.Allow != nil && !hashesFirst() {
		if err := h.Allow(Fold(current.Email)); err != nil {
			return "", err
		}
	}
	return s.passwords.hash(ctx, h.purpose(), password)
}

// merged reads the user and applies patch. A user that is not there gives zero
// values and no error: a replay has to reach the script, which knows.
func (s *Store) merged(ctx context.Context, id string, patch []byte) (User, Profile, error) {
	fields, err := s.db.Hash(redisdb.FromPrimary(ctx), redisdb.KeyUser(id), shownFields...)
	if err != nil {
		return User{}, Profile{}, err
	}
	current, found := fromFields(id, fields)
	if !found {
		return User{}, Profile{}, nil
	}
	profile, err := web.Merge(Profile{
		Email: current.Email, FirstName: current.FirstName, LastName: current.LastName, Role: current.Role,
	}, patch)
	return current, profile, err
}

func (s *Store) commitUpdate(ctx context.Context, w web.Change, id string, current User, p Profile, hash, seed string) (redisdb.Result, error) {
	keys := []string{
		redisdb.KeyUser(id), redisdb.KeyUserEmail(Fold(current.Email)), redisdb.KeyUserEmail(Fold(p.Email)), redisdb.KeyUserSessions(id),
	}
	cmd := updateScript.Command(w.Request, w.Actor, keys, id, current.Version, w.IfMatch,
		p.Email, p.FirstName, p.LastName, p.Role, hash, web.Time(s.now().UnixMilli()), redisdb.KeySession(""), seed)
	cmd.Refusal = w.Refusal
	return s.db.Commit(ctx, cmd)
}

func updated(id string, r redisdb.Result) (User, bool, error) {
	if err := refusal(r); err != nil {
		return User{}, false, err
	}
	v := r.Values
	return User{
		ID: id, Email: v[0], FirstName: v[1], LastName: v[2], Role: v[3], Version: r.Int(4), CreatedAt: v[5], UpdatedAt: v[6],
	}, r.Replayed, nil
}

// Delete removes the user, or makes one with purchases anonymous.
func (s *Store) Delete(ctx context.Context, w web.Change, id string) (replayed bool, err error) {
	for ctx.Err() == nil {
		fields, err := s.db.Hash(redisdb.FromPrimary(ctx), redisdb.KeyUser(id), shownFields...)
		if err != nil {
			return false, err
		}
		current, _ := fromFields(id, fields)
		keys := []string{
			redisdb.KeyUser(id), redisdb.KeyUserEmail(Fold(current.Email)), redisdb.KeyUsers(),
			redisdb.KeyUserSessions(id), redisdb.KeyUserPurchases(id), redisdb.KeyHeld(id), redisdb.KeyStrikes(id),
		}
		result, err := s.db.Commit(ctx, deleteScript.Command(w.Request, w.Actor, keys,
			id, current.Version, w.IfMatch, redisdb.KeySession(""), w.Refusal))
		if err != nil {
			return false, err
		}
		if result.Code != codeChanged {
			return result.Replayed, refusal(result)
		}
	}
	return false, redisdb.ErrUnavailable
}

func refusal(r redisdb.Result) error {
	var err error
	switch r.Code {
	case 0:
		return nil
	case codeEmailTaken:
		err = fault.New(fault.Conflict, "email-taken", "This email has an account already.",
			fault.Field{Pointer: "/email", Code: "taken", Detail: "This email has an account already."})
	case codeNotFound:
		err = NotFound()
	case codeStale:
		err = web.Stale()
	default:
		return r.Unread("a user script")
	}
	if r.Replayed {
		return fault.AsReplayed(err)
	}
	return err
}

// NotFound is the refusal of an id that no user has, or that is not the caller's.
func NotFound() error { return fault.New(fault.NotFound, "no-user", "There is no user with this id.") }
