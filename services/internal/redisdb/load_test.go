package redisdb

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// writersEach is how many write through each DB at once: groups are then as
// large as they get, and a lost one shows.
const writersEach = 12

// keepScript leaves a trace of each write, and of each time that it was made.
var keepScript = NewScript("test.keep", `
-- keys: 1 the writes; args: 1 the write's id; codes: 0 done {times}
local times = redis.call('HINCRBY', keys[1], args[1], 1)
emit('test.kept', 'x', args[1])
return finish(0, { int(times) })`)

// load writes at full rate, each write under an id of its own.
type load struct {
	stop    context.CancelFunc
	flying  sync.WaitGroup
	writers []*loadWriter
	paces   []*pace // one for each DB
}

// loadWriter writes to a hash of its own, one write after the other.
type loadWriter struct {
	key string

	mutex  sync.Mutex
	acked  []string
	latest time.Time // when the last acknowledged write was begun
	failed []error
}

// pace measures the longest time without an acknowledgement.
type pace struct {
	mutex sync.Mutex
	last  time.Time
	gap   time.Duration
}

func (p *pace) tick() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	now := time.Now()
	if !p.last.IsZero() {
		p.gap = max(p.gap, now.Sub(p.last))
	}
	p.last = now
}

// startLoad writes until end is called.
func (a *arena) startLoad(t *testing.T) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{stop: cancel}
	t.Cleanup(cancel)
	a.serial++
	for d, db := range a.dbs {
		p := &pace{}
		l.paces = append(l.paces, p)
		for i := range writersEach {
			w := &loadWriter{key: fmt.Sprintf("evg:test:load:%d:%d:%d", a.serial, d, i)}
			l.writers = append(l.writers, w)
			l.flying.Go(func() { w.run(ctx, db, p) })
		}
	}
	return l
}

func (w *loadWriter) run(ctx context.Context, db *DB, p *pace) {
	for i := 0; ctx.Err() == nil; i++ {
		id, begun := fmt.Sprint(i), time.Now()
		// What has begun is ended: an answer that nobody hears proves nothing.
		_, err := db.Commit(context.WithoutCancel(ctx), keepScript.Command(request(w.key+":"+id), "tester", []string{w.key}, id))
		w.note(id, begun, err)
		if err == nil {
			p.tick()
		}
	}
}

func (w *loadWriter) note(id string, begun time.Time, err error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if err != nil {
		w.failed = append(w.failed, err)
		return
	}
	w.acked, w.latest = append(w.acked, id), begun
}

// awaitSince waits until each writer has a write acknowledged that it began
// after that time.
func (l *load) awaitSince(t *testing.T, since time.Time) {
	t.Helper()
	for _, w := range l.writers {
		require.Eventually(t, func() bool {
			w.mutex.Lock()
			defer w.mutex.Unlock()
			return w.latest.After(since)
		}, time.Minute, 20*time.Millisecond, "writes are acknowledged again")
	}
}

func (l *load) end() {
	l.stop()
	l.flying.Wait()
}

// count sums up what was acknowledged, and what was not.
func (l *load) count() (acked, failed int) {
	for _, w := range l.writers {
		acked += len(w.acked)
		failed += len(w.failed)
	}
	return acked, failed
}

// gap is the longest time that either DB had nothing acknowledged.
func (l *load) gap() (longest time.Duration) {
	for _, p := range l.paces {
		longest = max(longest, p.gap)
	}
	return longest
}

// audit holds what was acknowledged against the data set of the final primary,
// and removes it there.
func (l *load) audit(t *testing.T, db *DB) (lost, doubled int) {
	t.Helper()
	primary := db.topology.primary()
	for _, w := range l.writers {
		kept, err := primary.HGetAll(t.Context(), w.key).Result()
		require.NoError(t, err)
		for _, id := range w.acked {
			if kept[id] == "" {
				lost++
			}
		}
		for _, times := range kept {
			if times != "1" {
				doubled++
			}
		}
		require.NoError(t, primary.Del(t.Context(), w.key).Err())
	}
	return lost, doubled
}
