package replay_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/replay"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

const (
	smallFile = "testdata/candle-shop.csv"
	// smallResult is what every run of the small file writes, whatever happens to
	// the shop or to the run.
	smallResult = "testdata/candle-shop.txt"
	// realSummary is the last line of every run of the real file.
	realSummary = "adds up: 10000 lines = 9818 sold + 10 refunded + 88 adjusted + 0 both + 84 rejected; " +
		"423 of 423 purchases, 1994 of 1994 ledgers agree"
)

// realFile is where the real invoices lie, or the test is skipped: they are not
// in the repository.
func realFile(t *testing.T) string {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	path := filepath.Join(root, "..", "shared", "data", "online-retail-10k.csv")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Skip("*skipped*: ../shared/data/online-retail-10k.csv is not there")
	}
	return path
}

// private starts a shop of the test's own, for SKUs and references are used once.
func private(t *testing.T, settings map[string]string) *stack.Stack {
	t.Helper()
	services := slices.DeleteFunc(stack.Everything(), func(name string) bool { return name == "prometheus" })
	return stack.StartT(t, stack.Options{Services: services, Settings: settings})
}

// attempt is one run; what a test does not set is set for the shop s.
func attempt(ctx context.Context, s *stack.Stack, o replay.Options) (out, notes string, err error) {
	var written, noted bytes.Buffer
	if o.URL == "" {
		o.URL = s.URL()
	}
	o.Email, o.Password = s.Setting("ADMIN_EMAIL"), s.Setting("ADMIN_PASSWORD")
	o.AtOnce, o.Patience, o.Out, o.Notes = 16, time.Minute, &written, &noted
	if o.Progress == nil {
		o.Progress = &meter{}
	}
	err = replay.Run(ctx, o)
	return written.String(), noted.String(), err
}

// requireSmall demands the small file's reconciliation, to the byte.
func requireSmall(t *testing.T, s *stack.Stack, progress replay.Progress) (notes string) {
	t.Helper()
	out, notes, err := attempt(t.Context(), s, replay.Options{Path: smallFile, Progress: progress})
	require.NoError(t, err, "%s\n%s", out, notes)
	want, err := os.ReadFile(smallResult)
	require.NoError(t, err)
	require.Equal(t, string(want), out)
	texttest.NotContains(t, notes, "refused", "something that a person would have to look at")
	return notes
}

// requireReal demands the real file's summary and gives the reconciliation.
func requireReal(t *testing.T, s *stack.Stack, progress replay.Progress) string {
	t.Helper()
	began := time.Now()
	out, notes, err := attempt(t.Context(), s, replay.Options{Path: realFile(t), Progress: progress})
	require.NoError(t, err, "%s\n%s", out, notes)
	require.Equal(t, realSummary, lastLine(out))
	texttest.NotContains(t, notes, "refused", "something that a person would have to look at")
	t.Logf("%v\n%s", time.Since(began).Round(time.Millisecond), notes)
	return out
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

// meter counts steps, and calls half in the middle of a phase, from within a
// step: what half does to the shop is done while the others go on.
type meter struct {
	phase string
	half  func()

	mu    sync.Mutex
	now   string
	total int64
	done  atomic.Int64
}

func (m *meter) Begin(phase string, total int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now, m.total = phase, int64(total)
	m.done.Store(0)
}

func (m *meter) Step() {
	if m.done.Add(1) == (m.total+1)/2 && m.now == m.phase {
		m.half()
	}
}

func (m *meter) End() {}
