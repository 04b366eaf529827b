package users

import (
	"context"

	"github.com/alexedwards/argon2id"
)

// hashing is what argon2id costs: 19 MiB, two passes, one lane, OWASP's first
// choice. The library's default of 64 MiB would let a few logins at once pass
// the memory limit of a replica.
var hashing = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// hashesAtOnce bounds the memory and the cores that logins may take; the rest queue.
const hashesAtOnce = 2

// Passwords hashes and compares passwords, few at a time.
type Passwords struct {
	slots chan struct{}
	// nobody is compared with when there is no such user, so that the time of a
	// login does not tell who has an account.
	nobody string
}

// NewPasswords makes a Passwords.
func NewPasswords() (*Passwords, error) {
	nobody, err := argon2id.CreateHash("nobody's password", hashing)
	return &Passwords{slots: make(chan struct{}, hashesAtOnce), nobody: nobody}, err
}

// Hash hashes a password for keeping.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	return argon2id.CreateHash(password, hashing)
}

// Matches compares a password with a hash; "" stands for a user that does not
// exist, takes as long and never matches.
func (p *Passwords) Matches(ctx context.Context, password, hash string) (bool, error) {
	if err := p.enter(ctx); err != nil {
		return false, err
	}
	defer p.leave()
	if hash == "" {
		_, err := argon2id.ComparePasswordAndHash(password, p.nobody)
		return false, err
	}
	return argon2id.ComparePasswordAndHash(password, hash)
}

func (p *Passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Passwords) leave() { <-p.slots }
