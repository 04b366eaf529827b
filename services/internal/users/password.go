package users

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"

	"evergreen/services/internal/fault"
)

// hashing is what argon2id costs: 19 MiB, two passes, one lane, OWASP's first
// choice. The library's default of 64 MiB would let a few logins at once pass
// the memory limit of a replica.
var hashing = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// purpose is what a password is hashed for. Each has slots and a queue of its own, so
// that many hashes for one purpose keep no other waiting.
type purpose int

const (
	forLogIn purpose = iota
	forSignUp
	forAdmin // log-ins of admins, and what admins do

	purposes = iota
)

// Bounds of the hashes of one replica.
const (
	// slotsOfPurpose is how many hashes for one purpose are made at once, mostAtOnce how
	// many for all where there are cores enough: see atOnce. They bound the memory, 38 MiB,
	// and the cores that hashes may take. The hashes that have the slot of their purpose go
	// in the order of arrival, so each waits for one of each other purpose at most.
	slotsOfPurpose, mostAtOnce = 1, 2
	// hashesPerCollection is after how many hashes their memory is collected. Left to itself
	// the collector keeps several finished ones, up to GOMEMLIMIT.
	hashesPerCollection = 2
	// mostQueued is how many hashes of one purpose wait at most: less than a second's
	// worth on a machine that is at rest. Admins are few, and have more.
	mostQueued, mostQueuedForAdmin = 32, 256
)

// ErrHashesBusy says that too many passwords are waiting to be hashed; nothing was changed.
var ErrHashesBusy = &fault.Error{Kind: fault.TooMany, Code: "signin-busy", RetryAfter: 2 * time.Second,
	Detail: "Too many sign-ins are waiting. Nothing was changed."}

// Passwords hashes and compares passwords, few at a time.
type Passwords struct {
	lanes  [purposes]*lane
	atOnce chan struct{}
	made   atomic.Int64
	// nobody is compared with when there is no such user, so that the time of a
	// login does not tell who has an account.
	nobody string
}

// lane is the slots of one purpose and the queue before them.
type lane struct {
	slots  chan struct{}
	most   int64
	inside atomic.Int64 // those in a slot and those that wait
}

// atOnce is how many hashes a replica makes at once: its share of the cores, from 1 to
// mostAtOnce. With more, Redis and nginx would wait for a core.
func atOnce(cores, replicas int) int { return min(max(1, cores/max(1, replicas)), mostAtOnce) }

// NewPasswords makes a Passwords for one of so many replicas on this machine.
func NewPasswords(replicas int) (*Passwords, error) {
	nobody, err := argon2id.CreateHash("nobody's password", hashing)
	return &Passwords{lanes: lanes(), atOnce: make(chan struct{}, atOnce(runtime.GOMAXPROCS(0), replicas)), nobody: nobody}, err
}

// separateLanes gives each purpose its own.
func separateLanes() [purposes]*lane {
	return [purposes]*lane{
		forLogIn: newLane(slotsOfPurpose, mostQueued), forSignUp: newLane(slotsOfPurpose, mostQueued),
		forAdmin: newLane(slotsOfPurpose, mostQueuedForAdmin),
	}
}

func newLane(atOnce, queued int) *lane {
	return &lane{slots: make(chan struct{}, atOnce), most: int64(atOnce + queued)}
}

// toBeHashed is what a script is given in place of a new password's hash: it checks all
// the rest, and answers codeHashWanted if only the hash is missing.
const toBeHashed = "?"

// Hashing says for whom a password is hashed.
type Hashing struct {
	// ByAdmin is set for what an admin does.
	ByAdmin bool
	// Allow is asked with the account's email before a changed password is hashed; its
	// error is the answer.
	Allow func(account string) error
}

func (h Hashing) purpose() purpose {
	if h.ByAdmin {
		return forAdmin
	}
	return forSignUp
}

// hash hashes a password for keeping.
func (p *Passwords) hash(ctx context.Context, why purpose, password string) (string, error) {
	leave, err := p.enter(ctx, why)
	if err != nil {
		return "", err
	}
	defer leave()
	return argon2id.CreateHash(password, hashing)
}

// matches compares a password with a hash; "" stands for a user that does not
// exist, takes as long and never matches.
func (p *Passwords) matches(ctx context.Context, why purpose, password, hash string) (bool, error) {
	leave, err := p.enter(ctx, why)
	if err != nil {
		return false, err
	}
	defer leave()
	if hash == "" {
		_, err := argon2id.ComparePasswordAndHash(password, p.nobody)
		return false, err
	}
	return argon2id.ComparePasswordAndHash(password, hash)
}

// enter waits for the slot of a purpose, and then for one of all.
func (p *Passwords) enter(ctx context.Context, why purpose) (leave func(), err error) {
	leaveLane, err := p.lanes[why].enter(ctx)
	if err != nil {
		return nil, err
	}
	select {
	case p.atOnce <- struct{}{}:
		return func() {
			if p.made.Add(1)%hashesPerCollection == 0 {
				runtime.GC()
			}
			<-p.atOnce
			leaveLane()
		}, nil
	case <-ctx.Done():
		leaveLane()
		return nil, ctx.Err()
	}
}

// enter waits for a slot, in the order of arrival. With too many waiting it refuses at once.
func (l *lane) enter(ctx context.Context) (leave func(), err error) {
	if l.inside.Add(1) > l.most {
		l.inside.Add(-1)
		return nil, ErrHashesBusy
	}
	select {
	case l.slots <- struct{}{}:
		return func() {
			<-l.slots
			l.inside.Add(-1)
		}, nil
	case <-ctx.Done():
		l.inside.Add(-1)
		return nil, ctx.Err()
	}
}
