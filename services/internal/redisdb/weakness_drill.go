//go:build drill

package redisdb

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"evergreen/services/internal/idempotency"
)

// A drill that finds nothing proves something only if it would have found what it
// looks for. So it is run against shops from which one safeguard was taken out,
// and has to catch each of them. Here they are taken out: by name, from the
// environment, in programs built with the tag drill and in no others.

// weaknessSetting names the environment variable that lists what is taken out,
// separated by commas.
const weaknessSetting = "SHOP_WEAKNESS"

// The weaknesses. A package that is named has its part of the weakness in its own weakness_drill.go.
const (
	noWait          = "no-wait"            // WAIT is left out
	waitElsewhere   = "wait-elsewhere"     // WAIT goes over another, idle connection
	waitWithoutRule = "wait-without-rule"  // one replica's acknowledgement is enough, whoever was promoted
	toldEarly       = "told-early"         // results are told first, and WAIT is sent afterwards
	noIncr          = "no-incr"            // the group's INCR is left out
	driverRetries   = "driver-retries"     // the driver repeats a group by itself
	noRequestIDs    = "no-request-ids"     // no outcome is remembered
	noOwnIDs        = "no-own-ids"         // only what has a client's key is remembered
	refusalsForgot  = "refusals-forgotten" // of what has no client's key, refusals are not remembered, effects are
	oneWaitPerWrite = "one-wait-per-write" // each write is a group of its own; nothing is lost by it, it is slow
	layout3Early    = "layout-3-early"     // data is stored as in layout 3 while an older layout is in force
	membersDropped  = "members-dropped"    // products drops members of a stored product that it does not know
	noReadQueue     = "no-read-queue"      // strong reads wait among the writes, without a limit per address (web)
	noHashBound     = "no-hash-bound"      // users hashes passwords before it checks, in slots for all purposes
	noScanBound     = "no-scan-bound"      // web examines more ids for a page than its bound, and products loads them all
	noUserRate      = "no-user-rate"       // web has no limit of requests per user
	noQuotas        = "no-quotas"          // purchases does not count what customers hold
	noStockCap      = "no-stock-cap"       // a customer may hold any number of pieces (purchases)
	noCoolDown      = "no-cool-down"       // a customer may buy again at once after a cancellation or an expiry (purchases)
	noAllowOOM      = "no-allow-oom"       // Redis refuses all scripts at maxmemory, those that free memory too
	noAdminReserve  = "no-admin-reserve"   // customers may fill the memory up to maxmemory
	noSignInMemory  = "no-sign-in-memory"  // web lets every sign-in through while Redis is away
	noBodyBound     = "no-body-bound"      // web bounds neither the memory of bodies nor the number of their values
	noAnswerBound   = "no-answer-bound"    // web bounds neither the memory of answers nor the size of a page
	allWeaknesses   = noWait + ", " + waitElsewhere + ", " + waitWithoutRule + ", " + toldEarly + ", " + noIncr + ", " +
		driverRetries + ", " + noRequestIDs + ", " + noOwnIDs + ", " + refusalsForgot + ", " + oneWaitPerWrite + ", " +
		layout3Early + ", " + membersDropped + ", " + noScanBound + ", " + noUserRate + ", " + noReadQueue + ", " + noHashBound + ", " +
		noQuotas + ", " + noStockCap + ", " + noCoolDown + ", " + noSignInMemory + ", " + noAllowOOM + ", " + noAdminReserve + ", " +
		noBodyBound + ", " + noAnswerBound
)

// weaknesses reads the environment. A name that is none of ours ends the program:
// a control that took nothing out would be as green as a shop that keeps its word.
func weaknesses() []string {
	var found []string
	for name := range strings.SplitSeq(os.Getenv(weaknessSetting), ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if !slices.Contains(strings.Split(allWeaknesses, ", "), name) {
			panic(weaknessSetting + "=" + name + ": there are " + allWeaknesses)
		}
		found = append(found, name)
	}
	return found
}

// weaken takes safeguards out of a committer.
func weaken(c *committer) {
	w := &weak{committer: c}
	for _, name := range weaknesses() {
		switch name {
		case noWait:
			c.exchange = w.withoutWait
		case waitElsewhere:
			c.exchange = w.waitElsewhere
		case waitWithoutRule:
			c.rely, c.rule = oneReplica, anyReplica
		case toldEarly:
			c.exchange = w.waitAfterwards
		case noIncr:
			c.exchange = w.withoutIncr
		case driverRetries:
			c.exchange = w.repeatedByDriver
		case oneWaitPerWrite:
			c.most = 1
		case noReadQueue:
			c.reads.unbounded = true
		}
	}
}

// weakened takes safeguards out of what stands before every write script.
func weakened(prelude string) string {
	for _, name := range weaknesses() {
		switch name {
		case noRequestIDs:
			prelude = replace(prelude, "ttl = tonumber(ARGV[2])", "ttl = 0")
		case noOwnIDs:
			prelude = replace(prelude, "ttl = tonumber(ARGV[2])", "ttl = tonumber(ARGV[2]) > "+ownTTL()+" and tonumber(ARGV[2]) or 0")
		case layout3Early:
			prelude = replace(prelude, "tonumber(known[1] or '1')", "3")
		case refusalsForgot:
			prelude = replace(prelude, "if request.ttl > 0 then remember(",
				"if request.ttl > 0 and (code == 0 or request.ttl > "+ownTTL()+") then remember(")
		}
	}
	return prelude
}

// flagged takes the flag out that lets a script run at maxmemory.
func flagged(flags string) string {
	if flags == allowOOM && slices.Contains(weaknesses(), noAllowOOM) {
		return noFlags
	}
	return flags
}

// reserving takes the reserve of memory for admins out.
func reserving(percent int) int {
	if slices.Contains(weaknesses(), noAdminReserve) {
		return 100
	}
	return percent
}

// ownTTL is, in milliseconds, for how long ids of our own are remembered; clients'
// keys are for longer.
func ownTTL() string { return strconv.FormatInt(idempotency.OwnTTL.Milliseconds(), 10) }

// replace ends the program when there is nothing to replace: the prelude has
// changed, and the weakness with it.
func replace(text, old, with string) string {
	if strings.Count(text, old) != 1 {
		panic("prelude.lua has no " + old)
	}
	return strings.Replace(text, old, with, 1)
}

// oneReplica asks for one replica, however many there are.
func oneReplica(context.Context, *redis.Client) (int64, error) { return leastReplicas, nil }

// anyReplica believes whoever acknowledges, without looking at who was promoted.
func anyReplica(_ context.Context, _ string, count int64) (string, error) {
	if count < leastReplicas {
		return "", errShort
	}
	return caseOne, nil
}

// weak are the ways to send a group without a safeguard. It belongs to the
// committer's loop alone.
type weak struct {
	*committer
	pool     *redis.Client // of connections that write nothing, to othersOf
	others   []*redis.Conn
	othersOf string
	retrying map[string]*redis.Client // with the driver's own retries, by node
}

// pipelines is a connection, or a pool of them.
type pipelines interface {
	Pipelined(ctx context.Context, fill func(redis.Pipeliner) error) ([]redis.Cmder, error)
}

// over sends a group, and these commands after it.
func over(ctx context.Context, conn pipelines, group []*item, after ...[]any) []*redis.Cmd {
	var sent []*redis.Cmd
	_, _ = conn.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, it := range group {
			it.queue(ctx, pipe)
		}
		for _, command := range after {
			sent = append(sent, pipe.Do(ctx, command...))
		}
		return nil
	})
	return sent
}

func incr() []any { return []any{"INCR", KeyCommitSeq()} }

func (w *weak) wait() []any { return []any{"WAIT", w.ask, waitTimeout.Milliseconds()} }

// withoutWait claims that two replicas have it.
func (w *weak) withoutWait(ctx context.Context, group []*item) (seq, count int64, err error) {
	sent := over(ctx, w.conn, group, incr())
	seq, err = sent[0].Int64()
	return seq, mostReplicas, err
}

// idlers is how many connections take turns to be asked by waitElsewhere. Before
// Redis 7.2 WAIT vouches for all that was written before its connection's last
// command, whoever wrote it: the longer it was idle, the less that says.
const idlers = 64

// waitElsewhere asks a connection that wrote nothing how many replicas have what
// it wrote, as one does who takes any connection of a pool.
func (w *weak) waitElsewhere(ctx context.Context, group []*item) (seq, count int64, err error) {
	if err = w.idle(ctx); err != nil {
		return 0, 0, notSent{err}
	}
	if seq, _, err = w.withoutWait(ctx, group); err != nil {
		return 0, 0, err
	}
	next := w.others[0]
	w.others = append(w.others[1:], next)
	if count, err = next.Do(ctx, w.wait()...).Int64(); err != nil {
		w.othersOf = "" // broken
	}
	return seq, count, err
}

// idle sees to the idle connections to the present primary.
func (w *weak) idle(ctx context.Context) error {
	if w.othersOf == w.node {
		return nil
	}
	if w.pool != nil {
		_ = w.pool.Close()
	}
	options := *w.topology.client(w.node).Options()
	options.PoolSize, options.MaxActiveConns = idlers, idlers
	w.pool, w.others, w.othersOf = redis.NewClient(&options), nil, ""
	for range idlers {
		made := w.pool.Conn()
		w.others = append(w.others, made)
		if err := made.Ping(ctx).Err(); err != nil {
			return err
		}
	}
	w.othersOf = w.node
	return nil
}

// waitAfterwards tells the results first. WAIT comes at the next exchange, before
// its scripts, and whatever it says then changes nothing.
func (w *weak) waitAfterwards(ctx context.Context, group []*item) (seq, count int64, err error) {
	_ = w.conn.Do(ctx, w.wait()...).Err()
	return w.withoutWait(ctx, group)
}

// withoutIncr has WAIT follow whatever the group's last script was. The number is
// read, which writes nothing.
func (w *weak) withoutIncr(ctx context.Context, group []*item) (seq, count int64, err error) {
	sent := over(ctx, w.conn, group, []any{"GET", KeyCommitSeq()}, w.wait())
	seq, _ = sent[0].Int64() // there is none before the first group
	count, err = sent[1].Int64()
	return seq, count, err
}

// repeatedByDriver leaves repeating to the driver, which sends a group again when
// its connection breaks, and does not repeat it itself.
func (w *weak) repeatedByDriver(ctx context.Context, group []*item) (seq, count int64, err error) {
	sent := over(ctx, w.retries(), group, incr(), w.wait())
	if err := errors.Join(sent[0].Err(), sent[1].Err()); err != nil {
		for _, it := range group {
			it.deadline = time.Time{} // it is not repeated, and what is unknown stays so
		}
		return 0, 0, err
	}
	seq, _ = sent[0].Int64()
	count, _ = sent[1].Int64()
	return seq, count, nil
}

// retries gives the client for the primary whose driver repeats up to three times,
// as it does unless it is told not to. It takes any connection of its pool: on one
// of its own the driver does not repeat.
func (w *weak) retries() *redis.Client {
	if made := w.retrying[w.node]; made != nil {
		return made
	}
	options := *w.topology.client(w.node).Options()
	options.MaxRetries = 3
	if w.retrying == nil {
		w.retrying = map[string]*redis.Client{}
	}
	w.retrying[w.node] = redis.NewClient(&options)
	return w.retrying[w.node]
}
