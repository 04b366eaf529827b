package boot_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// writers write to one primary at full rate, each to a counter of its own: INCR
// and WAIT on one connection. A counter that is less than what was acknowledged
// has lost the difference.
//
// A write is acknowledged by as many replicas as are online, one at least. That
// is the shop's rule as long as nobody is promoted meanwhile, and in these tests
// nobody is before the primary is dead.
type writers struct {
	stop   context.CancelFunc
	flying sync.WaitGroup
	each   []*writer
}

type writer struct {
	key string
	// before is the counter's value when this writer began.
	before         int64
	written, acked atomic.Int64
}

// commitCount is the key that counts the shop's commits, by which a person may
// tell whose data is newest; the first writer's counter stands for it.
const commitCount = "evg:commit:seq"

// writerCount: four connections keep the fsync busy without starving the rest.
const writerCount = 4

func (c *cluster) startWriters(t *testing.T, primary string) *writers {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	all := &writers{stop: cancel}
	t.Cleanup(cancel)
	for i := range writerCount {
		w := &writer{key: fmt.Sprintf("evg:boot:counter:%d", i)}
		if i == 0 {
			w.key = commitCount
		}
		w.before = c.number(t, primary, w.key)
		w.acked.Store(w.before)
		w.written.Store(w.before)
		all.each = append(all.each, w)
		all.flying.Go(func() {
			for ctx.Err() == nil {
				conn, err := c.Dial(ctx, primary)
				if err != nil {
					return // it is dead
				}
				w.run(ctx, conn)
				conn.Close()
			}
		})
	}
	return all
}

// run writes until ctx ends or the connection breaks, as it does when a busy
// machine answers too late.
func (w *writer) run(ctx context.Context, conn *stack.Conn) {
	want := 2
	for ctx.Err() == nil {
		held, err := w.once(ctx, conn, want)
		if err == nil && held {
			continue
		}
		if err != nil && !errors.Is(err, stack.ErrReply) {
			return
		}
		// Too few replicas: let the rule see who is left.
		if want, err = online(ctx, conn); err != nil {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (w *writer) once(ctx context.Context, conn *stack.Conn, want int) (held bool, err error) {
	reply, err := conn.Do(ctx, "INCR", w.key)
	if err != nil {
		return false, err
	}
	value, err := strconv.ParseInt(reply, 10, 64)
	if err != nil {
		return false, err
	}
	w.written.Store(value)
	reply, err = conn.Do(ctx, "WAIT", strconv.Itoa(want), "300")
	if err != nil {
		return false, err
	}
	if count, err := strconv.Atoi(reply); err != nil || count < want {
		return false, err
	}
	w.acked.Store(value)
	return true, nil
}

// online is how many replicas the rule waits for.
func online(ctx context.Context, conn *stack.Conn) (int, error) {
	info, err := conn.Do(ctx, "INFO", "replication")
	n := 0
	for line := range strings.Lines(info) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "state=online") && (strings.HasSuffix(line, "lag=0") || strings.HasSuffix(line, "lag=1")) {
			n++
		}
	}
	return min(max(n, 1), 2), err
}

// awaitAcked waits until each writer had so many more writes acknowledged.
func (all *writers) awaitAcked(t *testing.T, more int64) {
	t.Helper()
	all.await(t, more, "acknowledged", func(w *writer) int64 { return w.acked.Load() })
}

// awaitWritten does so for writes that nobody need have acknowledged.
func (all *writers) awaitWritten(t *testing.T, more int64) {
	t.Helper()
	all.await(t, more, "written", func(w *writer) int64 { return w.written.Load() })
}

func (all *writers) await(t *testing.T, more int64, what string, of func(*writer) int64) {
	t.Helper()
	for _, w := range all.each {
		from := of(w)
		await(t, fmt.Sprintf("%s: %d more %s", w.key, more, what), func() bool { return of(w) >= from+more })
	}
}

// end stops them. Those whose primary is dead have stopped by themselves.
func (all *writers) end() {
	all.stop()
	all.flying.Wait()
}

// sum is how many writes were acknowledged and how many were made.
func (all *writers) sum() (acked, written int64) {
	for _, w := range all.each {
		acked += w.acked.Load() - w.before
		written += w.written.Load() - w.before
	}
	return acked, written
}

// lost is how many acknowledged writes a node does not have.
func (all *writers) lost(t *testing.T, c *cluster, name string) (lost int64) {
	t.Helper()
	for _, w := range all.each {
		lost += max(0, w.acked.Load()-c.number(t, name, w.key))
	}
	return lost
}

// number is a counter's value on one node, 0 if it has none.
func (c *cluster) number(t *testing.T, name, key string) int64 {
	t.Helper()
	reply, err := c.Redis(t.Context(), name, "GET", key)
	require.NoError(t, err)
	value, err := strconv.ParseInt("0"+reply, 10, 64)
	require.NoError(t, err)
	return value
}
