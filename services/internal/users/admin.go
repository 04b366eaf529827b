package users

import (
	"context"
	"errors"
	"fmt"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// actorSetup stands in the events of what the shop does at its start.
const actorSetup = "setup"

// EnsureAdmin sees to it that the admin of the settings exists and can log in.
// A password that was changed through the API stays; one that was changed in the
// settings is applied: the hash of the one applied last is kept to tell the two
// apart. It may run on all replicas at once.
func (s *Store) EnsureAdmin(ctx context.Context, email, password string) error {
	for ctx.Err() == nil {
		done, err := s.ensureAdmin(ctx, email, password)
		if done || err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *Store) ensureAdmin(ctx context.Context, email, password string) (bool, error) {
	ctx = redisdb.FromPrimary(ctx)
	id, err := s.db.Value(ctx, redisdb.KeyUserEmail(Fold(email)))
	if err != nil {
		return false, err
	}
	w := web.Change{Actor: actorSetup}
	if id == "" {
		return s.createAdmin(ctx, w, email, password)
	}
	fields, err := s.db.Hash(ctx, redisdb.KeyUser(id), append(shownFields, fieldSeed)...)
	if err != nil {
		return false, err
	}
	current, found := fromFields(id, fields)
	if !found {
		return false, nil // deleted between the two reads: once more
	}
	applied := false
	if fields[fieldSeed] != "" {
		if applied, err = s.passwords.matches(ctx, forAdmin, "", password, fields[fieldSeed]); err != nil {
			return false, err
		}
	}
	if applied && current.Role == web.RoleAdmin {
		return true, nil
	}
	hash, err := s.passwords.hash(ctx, forAdmin, password)
	if err != nil {
		return false, err
	}
	profile := Profile{Email: current.Email, FirstName: current.FirstName, LastName: current.LastName, Role: web.RoleAdmin}
	result, err := s.commitUpdate(ctx, w, id, current, profile, hash, hash)
	if err != nil {
		return false, err
	}
	return result.Code == 0, nil
}

func (s *Store) createAdmin(ctx context.Context, w web.Change, email, password string) (bool, error) {
	hash, err := s.passwords.hash(ctx, forAdmin, password)
	if err != nil {
		return false, err
	}
	_, _, err = s.create(ctx, w, s.newID(), SignUp{Email: email}, web.RoleAdmin, hash, hash)
	if err != nil && isTaken(err) {
		return false, nil // the other replica was faster: look at what it made
	}
	return err == nil, err
}

func isTaken(err error) bool {
	return errors.Is(err, refusal(redisdb.Result{Code: codeEmailTaken}))
}

// Credential is what a login checked: the session is only made while the
// password is still this one.
type Credential struct {
	UserID string
	Hash   string
	Role   string
}

// Check compares an email and a password; false is the same for an unknown email
// and a wrong password, and takes as long. It reads as strongly as a write, for a
// replica may lack the newest password; and it reads as much for an unknown email.
func (s *Store) Check(ctx context.Context, email, password string) (Credential, bool, error) {
	ctx = redisdb.FromPrimary(ctx)
	id, err := s.db.Value(ctx, redisdb.KeyUserEmail(Fold(email)))
	if err != nil {
		return Credential{}, false, err
	}
	fields, err := s.db.Hash(ctx, redisdb.KeyUser(id), fieldPassword, fieldRole)
	if err != nil {
		return Credential{}, false, err
	}
	hash := fields[fieldPassword]
	why := forLogIn
	if fields[fieldRole] == web.RoleAdmin {
		why = forAdmin
	}
	matches, err := s.passwords.matches(ctx, why, Fold(email), password, hash)
	if err != nil {
		return Credential{}, false, fmt.Errorf("comparing a password: %w", err)
	}
	return Credential{UserID: id, Hash: hash, Role: fields[fieldRole]}, matches, nil
}
