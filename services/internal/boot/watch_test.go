package boot_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// twoLimit is how long two nodes may say that they are primary. Sentinel needs
// about 10 s to turn an old primary into a replica.
const twoLimit = 20 * time.Second

// watch looks again and again at who says that it is primary, throughout a test.
type watch struct {
	// filled says that from now on there is data.
	filled atomic.Bool

	mu      sync.Mutex
	longest time.Duration // that two were primary
	empty   []string      // nodes that were primary without data
}

// watchPrimaries watches until the end of the test and then demands what must
// never happen to have never happened.
func watchPrimaries(t *testing.T, s *stack.Stack) *watch {
	t.Helper()
	w := &watch{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx, s)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		require.Less(t, w.longest, twoLimit, "two nodes were primary for so long")
		require.Empty(t, w.empty, "were primary without data")
	})
	return w
}

func (w *watch) run(ctx context.Context, s *stack.Stack) {
	var since time.Time
	for ctx.Err() == nil {
		filled := w.filled.Load()
		primaries := 0
		for _, name := range nodes() {
			node := state(ctx, s, name)
			if node["role"] != "master" {
				continue
			}
			primaries++
			if filled && node["loading"] == "0" && count(node) == "" {
				w.note(func() { w.empty = append(w.empty, name) })
			}
		}
		switch {
		case primaries < 2:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		default:
			w.note(func() { w.longest = max(w.longest, time.Since(since)) })
		}
		<-time.After(pollEvery)
	}
}

func (w *watch) note(what func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what()
}

// two is the longest time that two nodes were primary, and forgets it.
func (w *watch) two() (longest time.Duration) {
	w.note(func() { longest, w.longest = w.longest, 0 })
	return longest
}
