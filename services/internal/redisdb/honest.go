package redisdb

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"evergreen/services/internal/fault"
)

// Honest reads. A replica can be behind without knowing it: cut off, frozen and
// resumed, restarted empty. So the committer writes a heartbeat once a second,
// and every read fetches it in the same pipeline on the same connection: an
// answer and its age belong together. Asking INFO now and then would not do: a
// replica that restarts empty between two questions answers false 404s.

// maxAge is the bound: older than this and another node is asked. A primary that is
// slow or was frozen may run a heartbeat up to maxAge late, so an answer within the
// bound is at most about 4 s behind in the worst case.
const maxAge = 2 * time.Second

// penalty is how long a node that failed or was behind is asked last.
const penalty = time.Second

// question queues the commands of a read.
type question func(ctx context.Context, pipe redis.Pipeliner)

// Why a node's answer is not taken.
var (
	errBehind = errors.New("the node has not seen the commit that was asked for")
	errOld    = errors.New("the node's data is too old")
	errEmpty  = errors.New("the node has no data, or no commit was ever made")
	// errOtherHistory: a restore is under way there, or has ended, or has not reached the node.
	errOtherHistory = errors.New("the node has the data of another history")
)

// readPatience is how long a read goes on asking when no node can answer it: at
// a promotion Sentinel closes the clients' connections on every node at once.
const readPatience = 3 * time.Second

// standstill is longer than asking every node can take. When it did take so long,
// this process itself stood still, and what it has not heard says nothing.
const standstill = 2 * time.Second

// read asks one thing until a node's answer can be taken, or patience ends, or ctx does.
func (db *DB) read(ctx context.Context, queue question) error { return db.readMany(ctx, queue, 1) }

// readMany is read for a question of so many commands.
func (db *DB) readMany(ctx context.Context, queue question, commands int) error {
	if readingOf(ctx).Strong {
		return db.readStrong(ctx, queue, commands)
	}
	patience := time.Now().Add(readPatience)
	for {
		if db.Restoring() {
			db.metrics.read(sourceNobody)
			return ErrRestoring
		}
		begun := time.Now()
		err := db.readOnce(ctx, queue)
		if err == nil {
			return nil
		}
		if errors.Is(err, errBehind) {
			// Even the primary that we know has not seen that commit. An
			// acknowledged answer tells whether another one has, or nobody has.
			return db.readStrong(ctx, queue, commands)
		}
		select {
		case <-ctx.Done():
			return db.unreadable(err)
		case <-time.After(retryPause):
		}
		if time.Since(begun) > standstill {
			patience = time.Now().Add(readPatience)
		}
		if time.Now().After(patience) {
			return db.unreadable(err)
		}
	}
}

func (db *DB) unreadable(cause error) error {
	db.metrics.read(sourceNobody)
	err := fault.Wrap(cause, ErrUnavailable.Kind, ErrUnavailable.Code, "The store cannot be read at the moment.")
	err.RetryAfter = ErrUnavailable.RetryAfter
	return err
}

// readOnce asks the replicas in turn, then the primary; the first answer within
// the bounds counts. While there is no primary the freshest replica answers, and
// says its age.
func (db *DB) readOnce(ctx context.Context, queue question) error {
	r := readingOf(ctx)
	err, freshest, least := errNoPrimary, "", time.Duration(0)
	for _, node := range db.order() {
		var age time.Duration
		if age, err = db.readNode(ctx, node, r.AtLeast, queue); err == nil {
			db.metrics.read(db.sourceOf(node))
			return nil
		}
		db.metrics.passedOver(err)
		if !errors.Is(err, errBehind) {
			db.penalties.Store(node, time.Now().Add(penalty))
		}
		if errors.Is(err, errOld) && (freshest == "" || age < least) {
			freshest, least = node, age
		}
	}
	if freshest == "" {
		return err
	}
	age, err := db.readNode(ctx, freshest, r.AtLeast, queue)
	if err == nil || errors.Is(err, errOld) {
		db.metrics.read(sourceStale)
		r.stale(age)
		return nil
	}
	return err
}

// Who answered a read, as labels.
const (
	sourceReplica = "replica"
	sourcePrimary = "primary"
	sourceStale   = "stale"  // the freshest replica, while there is no primary
	sourceGroup   = "group"  // a commit group: as strong as a write
	sourceNobody  = "nobody" // within the time that a read has
)

func sources() []string {
	return []string{sourceReplica, sourcePrimary, sourceStale, sourceGroup, sourceNobody}
}

func (db *DB) sourceOf(node string) string {
	if node == db.topology.now.Load().primary {
		return sourcePrimary
	}
	return sourceReplica
}

// order lists whom to ask: the replicas in turn, those under a penalty later,
// the primary last.
func (db *DB) order() []string {
	now := db.topology.now.Load()
	good, bad := make([]string, 0, len(now.replicas)+1), []string(nil)
	turn, at := int(db.turn.Add(1)%1024), time.Now()
	for i := range now.replicas {
		node := now.replicas[(i+turn)%len(now.replicas)]
		if until, punished := db.penalties.Load(node); punished && at.Before(until.(time.Time)) { //nolint:forcetypeassert // only times are stored
			bad = append(bad, node)
			continue
		}
		good = append(good, node)
	}
	if now.primary != "" {
		good = append(good, now.primary)
	}
	return append(good, bad...)
}

// readNode asks one node and holds its answer against the bounds. The commands
// have run whatever it answers; nil and errOld are given with the age.
func (db *DB) readNode(ctx context.Context, node string, atLeast int64, queue question) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var beat, seq, history *redis.StringCmd
	var now *redis.TimeCmd
	err := pipeline(ctx, db.topology.client(node), func(ctx context.Context, pipe redis.Pipeliner) {
		beat, now = pipe.Get(ctx, KeyHeartbeat()), pipe.Time(ctx)
		if atLeast > 0 {
			seq = pipe.Get(ctx, KeyCommitSeq())
		}
		queue(ctx, pipe)
		if !readingOf(ctx).OfWrite {
			history = pipe.Get(ctx, KeyHistory()) // after them: a restore may have begun meanwhile
		}
	})
	if err != nil {
		return 0, err
	}
	if history != nil && !db.inHistory(history.Val()) {
		return 0, errOtherHistory
	}
	if atLeast > 0 {
		if seen, _ := strconv.ParseInt(seq.Val(), 10, 64); seen < atLeast {
			return 0, errBehind
		}
	}
	written, err := strconv.ParseInt(beat.Val(), 10, 64)
	if err != nil {
		return 0, errEmpty
	}
	age := now.Val().Sub(time.UnixMilli(written))
	if age > maxAge {
		return age, errOld
	}
	return age, nil
}

// pipeline runs the commands in one exchange; that a key is not there is no error.
func pipeline(ctx context.Context, client *redis.Client, queue question) error {
	cmds, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		queue(ctx, pipe)
		return nil
	})
	if err == nil {
		return nil
	}
	return firstError(cmds)
}

func firstError(cmds []redis.Cmder) error {
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}
