package users

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/lane"
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
	// mostQueued is how many hashes of one purpose wait at most: log-ins for less than a second on a machine at
	// rest, sign-ups for less than two. Admins are few, and have more.
	mostQueued, mostQueuedForSignUp, mostQueuedForAdmin = 32, 8, 256
	// mostOfAccount is how many log-ins of one account are in the queue or its slot at most. They are
	// checked one after the other, so that a log-in of another account waits for one of them.
	mostOfAccount = mostQueued / 4
	// accountRests is how many times as long as a log-in's hash took the next log-in of its account waits. So guesses at
	// one account take a quarter of a core at most. It holds for admins' accounts too, or log-ins one after the other
	// would tell which accounts those are.
	accountRests = 3
	// signUpRests is how many times as long as it took to make a hash the slot of sign-ups rests after it.
	// So sign-ups and password changes take an eighth of a core at most, and less when the cores are busy.
	signUpRests = 7
)

// ErrHashesBusy says that too many passwords are waiting to be hashed; nothing was changed.
var ErrHashesBusy = &fault.Error{Kind: fault.TooMany, Code: "signin-busy", RetryAfter: 2 * time.Second,
	Detail: "Too many sign-ins are waiting. Nothing was changed."}

// Passwords hashes and compares passwords, few at a time.
type Passwords struct {
	lanes  [purposes]*lane.Lane
	atOnce chan struct{}
	made   atomic.Int64
	// nobody is compared with when there is no such user, so that the time of a
	// login does not tell who has an account.
	nobody string
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
func separateLanes() [purposes]*lane.Lane {
	return [purposes]*lane.Lane{
		forLogIn:  lane.New(slotsOfPurpose, mostQueued).TakingTurns(mostOfAccount, accountRests),
		forSignUp: lane.New(slotsOfPurpose, mostQueuedForSignUp).Resting(signUpRests),
		forAdmin:  lane.New(slotsOfPurpose, mostQueuedForAdmin).TakingTurns(mostOfAccount, accountRests),
	}
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
	leave, err := p.enter(ctx, why, "")
	if err != nil {
		return "", err
	}
	defer leave()
	return argon2id.CreateHash(password, hashing)
}

// matches compares the password of an account with a hash; "" stands for a user that does not
// exist, takes as long and never matches.
func (p *Passwords) matches(ctx context.Context, why purpose, account, password, hash string) (bool, error) {
	leave, err := p.enter(ctx, why, account)
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
func (p *Passwords) enter(ctx context.Context, why purpose, account string) (leave func(), err error) {
	leaveLane, err := p.lanes[why].Enter(ctx, account)
	switch {
	case errors.Is(err, lane.ErrBusy), errors.Is(err, lane.ErrCallerBusy):
		return nil, ErrHashesBusy
	case err != nil:
		return nil, err
	}
	select {
	case p.atOnce <- struct{}{}:
		begun := time.Now()
		return func() {
			if p.made.Add(1)%hashesPerCollection == 0 {
				runtime.GC()
			}
			<-p.atOnce
			leaveLane(time.Since(begun))
		}, nil
	case <-ctx.Done():
		leaveLane(0)
		return nil, ctx.Err()
	}
}
