package logs_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/logs"
)

// following is a running Follow, and what it has shown.
type following struct {
	t    *testing.T
	dir  string
	mu   sync.Mutex
	seen []string
}

func follow(t *testing.T, dir string, choice logs.Choice) *following {
	t.Helper()
	f := &following{t: t, dir: dir}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- logs.Follow(ctx, dir, choice, func(e logs.Entry) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.seen = append(f.seen, e.Instance+": "+e.Text)
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return f
}

func (f *following) shown() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

func (f *following) awaits(text string) {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return slices.Contains(f.shown(), text) }, 20*time.Second, 10*time.Millisecond, "%s", text)
}

// appendTo writes to a file as a service does.
func appendTo(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = file.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

func TestWhatIsThereIsShownInTheOrderOfTimeAndWhatComesAfterIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	line := func(second int, text string) string {
		return fmt.Sprintf(`{"time":"2026-11-22T07:18:%02dZ","msg":"%s"}`+"\n", second, text)
	}
	appendTo(t, filepath.Join(dir, "api-1.log"), line(1, "one")+line(4, "four"))
	appendTo(t, filepath.Join(dir, "api-2.log"), strings.Repeat(line(2, "old"), 50)+line(2, "two")+"  a stack\n"+line(5, "five"))
	appendTo(t, filepath.Join(dir, "nginx-a", "access.log"), line(3, "three"))
	appendTo(t, filepath.Join(dir, "redis-1.log"), "")
	f := follow(t, dir, logs.Choice{})
	f.awaits("api-2: five")
	got := slices.DeleteFunc(f.shown(), func(line string) bool { return line == "api-2: old" })
	require.Equal(t, []string{"api-1: one", "api-2: two", "api-2:   a stack", "nginx-a: three", "api-1: four", "api-2: five"}, got)
	require.Len(t, f.shown(), 13, "ten lines of each file at most")
	appendTo(t, filepath.Join(dir, "redis-1.log"), "six\n")
	f.awaits("redis-1: six")
	require.Len(t, f.shown(), 14, "nothing twice")
}

func TestALogIsFollowedThroughRotationTruncationAndItsLateBirth(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "api-1.log")
	appendTo(t, path, "before\n")
	f := follow(t, dir, logs.Choice{})
	f.awaits("api-1: before")

	require.NoError(t, os.Rename(path, path+".1"))
	appendTo(t, path, "after the rotation\n")
	f.awaits("api-1: after the rotation")

	require.NoError(t, os.Truncate(path, 0))
	appendTo(t, path, "cut\n")
	f.awaits("api-1: cut")

	appendTo(t, filepath.Join(dir, "nginx-b", "error.log"), "born late\n")
	f.awaits("nginx-b: born late")

	appendTo(t, path, "half a li")
	appendTo(t, filepath.Join(dir, "other.log"), "meanwhile\n")
	f.awaits("other: meanwhile")
	appendTo(t, path, "ne\n")
	f.awaits("api-1: half a line")
	require.Len(t, f.shown(), 6)
}

func TestLongLinesAndGarbageDoNotStopIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "api-1.log")
	f := follow(t, dir, logs.Choice{})
	appendTo(t, path, strings.Repeat("x", 3<<20)+"\n\x00\xff\xfe{\"\n\n{\"time\":17}\nthe end\n")
	f.awaits("api-1: the end")
	require.Contains(t, f.shown(), "api-1: \x00\xff\xfe{\"")
	require.Contains(t, f.shown(), "api-1: time=17")
}

func TestServicesAndLevelsCanBeChosen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"api-1", "api-2", "redis-1", "redis-10"} {
		appendTo(t, filepath.Join(dir, name+".log"), "{\"level\":\"INFO\",\"msg\":\"fine\"}\n{\"level\":\"WARN\",\"msg\":\"slow\"}\n")
	}
	f := follow(t, dir, logs.Choice{Services: []string{"api", "redis-1"}, Least: logs.Warn})
	f.awaits("redis-1: slow")
	appendTo(t, filepath.Join(dir, "redis-10.log"), "{\"level\":\"ERROR\",\"msg\":\"not asked for\"}\n")
	appendTo(t, filepath.Join(dir, "api-1.log"), "fine again\n{\"level\":\"ERROR\",\"msg\":\"broken\"}\n")
	f.awaits("api-1: broken")
	require.ElementsMatch(t, []string{"api-1: slow", "api-2: slow", "redis-1: slow", "api-1: broken"}, f.shown())
}
