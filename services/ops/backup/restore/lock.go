package restore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/redisnode"
)

// The steps of a restore that has closed the shop.
const (
	stepHolding = "holding" // the shop's data are as they were
	stepLoading = "loading" // the shop's data are neither the old nor the new ones
)

const (
	// deadAfter is how long a restore gives no sign of life until another one may take its place.
	deadAfter = 15 * time.Second
	// signEvery is the time between two signs of life.
	signEvery = 2 * time.Second
)

// takeLock takes the lock, unless another owner has given a sign of life.
// ARGV: 1 id, 2 owner, 3 deadAfter in ms, 4 id of an owner that is known to be dead
const takeLock = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local l = redis.call('HMGET', KEYS[1], 'id', 'owner', 'seen')
if l[1] and l[1] ~= ARGV[1] and l[1] ~= ARGV[4] and now - tonumber(l[3] or 0) < tonumber(ARGV[3]) then return { l[1], l[2] } end
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'owner', ARGV[2], 'seen', string.format('%.0f', now))
return { ARGV[1], ARGV[2] }`

// signLock gives a sign of life, and says 0 where the lock is another's.
const signLock = `if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
local t = redis.call('TIME')
redis.call('HSET', KEYS[1], 'seen', string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)))
return 1`

// freeLock ends a restore that has changed nothing.
const freeLock = `local l = redis.call('HMGET', KEYS[1], 'id', 'step')
if l[1] == ARGV[1] and not l[2] then return redis.call('DEL', KEYS[1]) end
return 0`

// lock is the right to restore a shop, and what an earlier restore has left.
type lock struct {
	node  *redisnode.Node
	id    string
	owner string
	// step, layout, aside and empty are the fields of evg:restore.
	step, layout, aside, empty string
	// restores is how many restores the shop's data had come through before they were deleted.
	restores int64

	stop   func() // the signs of life
	cancel context.CancelCauseFunc
	done   sync.WaitGroup
}

// sealed ends the signs of life: the key is about to go.
func (l *lock) sealed() {
	l.stop()
	l.done.Wait()
}

// take takes the lock. The context ends when the lock is lost.
func take(ctx context.Context, node *redisnode.Node) (*lock, context.Context, error) {
	host, _ := os.Hostname()
	l := &lock{node: node, id: rand.Text(), owner: fmt.Sprintf("%s, process %d", host, os.Getpid())}
	for dead := ""; ; {
		reply, err := node.Do(ctx, "EVAL", takeLock, 1, redisdb.KeyRestore(), l.id, l.owner, deadAfter.Milliseconds(), dead)
		if err != nil {
			return nil, ctx, err
		}
		holder := redisnode.Texts(reply)
		if len(holder) == 2 && holder[0] == l.id {
			break
		}
		if len(holder) != 2 || holder[0] == dead || !ended(holder[1], host) {
			return nil, ctx, fmt.Errorf("%w: by %s", ErrRunning, strings.Join(holder[1:], ""))
		}
		dead = holder[0]
	}
	fields, err := node.Hash(ctx, redisdb.KeyRestore())
	if err != nil {
		return nil, ctx, err
	}
	l.step, l.layout, l.aside, l.empty = fields["step"], fields["layout"], fields["aside"], fields["empty"]
	l.restores, _ = strconv.ParseInt(fields["restores"], 10, 64)
	if l.step == "" {
		if l.layout, _, err = node.Get(ctx, redisdb.KeySchema()); err != nil {
			return nil, ctx, err
		}
		if l.layout == mark { // the shop is closed, and nobody knows how its data are
			l.step = stepLoading
		}
	}
	kept, cancel := context.WithCancelCause(ctx)
	signing, stop := context.WithCancel(ctx)
	l.stop, l.cancel = stop, cancel
	l.done.Go(func() { l.keep(signing, cancel) })
	return l, kept, nil
}

// ended says that an owner was a process of this host that has ended.
func ended(owner, host string) bool {
	process, here := strings.CutPrefix(owner, host+", process ")
	pid, err := strconv.Atoi(process)
	return here && err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

// keep gives signs of life until ctx ends.
func (l *lock) keep(ctx context.Context, lost context.CancelCauseFunc) {
	tick := time.NewTicker(signEvery)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		began := time.Now()
		reply, err := l.signOnce(ctx, last.Add(deadAfter))
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && reply == int64(0):
			lost(fmt.Errorf("%w: it has taken the place of this one", ErrRunning))
			return
		case err == nil:
			last = began
		case time.Since(last) >= deadAfter:
			lost(fmt.Errorf("%w: no sign of life of this restore has reached it for %v: %w", ErrShop, deadAfter, err))
			return
		}
	}
}

func (l *lock) signOnce(ctx context.Context, until time.Time) (any, error) {
	ctx, cancel := context.WithDeadline(ctx, later(until, time.Now().Add(signEvery)))
	defer cancel()
	return l.node.Do(ctx, "EVAL", signLock, 1, redisdb.KeyRestore(), l.id)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// free ends the signs of life, and gives the lock back if the shop is not closed.
func (l *lock) free(ctx context.Context) {
	l.sealed()
	l.cancel(nil)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replicated)
	defer cancel()
	_, _ = l.node.Do(ctx, "EVAL", freeLock, 1, redisdb.KeyRestore(), l.id)
}

// sign is a sign of life as a plain command.
func (l *lock) sign() redisnode.Command {
	return redisnode.Command{"HSET", redisdb.KeyRestore(), "owner", l.owner}
}

// fields make the lock anew after everything was deleted.
func (l *lock) fields(seenMillis int64) redisnode.Command {
	return redisnode.Command{"HSET", redisdb.KeyRestore(), "id", l.id, "owner", l.owner, "seen", seenMillis,
		"step", stepLoading, "layout", l.layout, "aside", l.aside, "empty", l.empty, "restores", l.restores}
}
