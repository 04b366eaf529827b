package upgrade_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/drill/load"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// perSecond is how many writes, and how many reads, clients send: 100 requests a second.
const perSecond = 50

// generous is how long anything may take that is waited for.
const generous = 3 * time.Minute

// traffic is what clients do to a shop during a test.
type traffic struct {
	*load.Load
	t     *testing.T
	began time.Time
}

// startTraffic returns when the first answers have come.
func startTraffic(t *testing.T, url, adminEmail, adminPassword string) *traffic {
	t.Helper()
	l, err := load.Prepare(t.Context(), load.Options{
		URL: url, AdminEmail: adminEmail, AdminPassword: adminPassword,
		Writes: perSecond, Reads: perSecond, Products: 24, Customers: 8, Seed: uint64(time.Now().UnixNano()),
	})
	require.NoError(t, err)
	c := &traffic{Load: l, t: t, began: time.Now()}
	t.Cleanup(func() { _ = c.stop() })
	c.Start()
	c.goesOn()
	c.Event(history.Fault, t.Name())
	return c
}

func (c *traffic) stop() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.t.Context()), 40*time.Second)
	defer cancel()
	return c.Stop(ctx)
}

// goesOn waits until a second's worth of writes that are sent from now on are done.
func (c *traffic) goesOn() {
	c.t.Helper()
	now := c.Now()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	require.NoError(c.t, c.Await(ctx, perSecond, func(op history.Op) bool {
		return op.Start >= now && op.Kind.Write() && op.Outcome == history.Done
	}), "the clients are not answered")
}

// requireKept ends the traffic and demands that no request failed and that all of the shop's promises were kept.
func (c *traffic) requireKept() {
	c.t.Helper()
	c.goesOn()
	c.Event(history.Heal, "")
	require.NoError(c.t, c.stop())
	c.Event(history.Quiet, "")
	lasted := time.Since(c.began)
	h, err := c.Finish(c.t.Context())
	require.NoError(c.t, err)
	v, f := check.Check(h), check.Measure(h)
	slowest := func(s check.Series) time.Duration {
		return max(s.Before.Max, s.During.Max, s.After.Max).Round(time.Millisecond)
	}
	c.t.Logf("%d requests in %v, %d failed; acknowledged %d, lost %d, doubled %d; slowest write %v, slowest read %v",
		f.Writes.Requests+f.Reads.Requests, lasted.Round(time.Second), f.Writes.Failed+f.Reads.Failed, v.Acknowledged, v.Lost,
		v.Duplicated, slowest(f.Writes), slowest(f.Reads))
	require.Empty(c.t, f.Errors)
	require.Empty(c.t, v.Violations)
	require.Zero(c.t, v.Lost)
	require.Zero(c.t, v.Duplicated)
	require.Greater(c.t, v.Acknowledged, perSecond)
}

// signIn gives the first admin.
func signIn(t *testing.T, url, email, password string) *shoptest.Client {
	t.Helper()
	c := shoptest.New(url)
	a := c.Want(t, http.StatusCreated, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": password})
	var session struct{ Token string }
	require.NoError(t, json.Unmarshal(a.Body, &session))
	return c.As(session.Token)
}

// pull copies the files of a version over those of another, as `git pull` does: what is the same keeps its time.
func pull(t *testing.T, from, to string, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, filepath.WalkDir(filepath.Join(from, name), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			relative, err := filepath.Rel(from, path)
			require.NoError(t, err)
			target := filepath.Join(to, relative)
			if same, err := stack.SameContent(path, target); err == nil && same {
				return nil
			}
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
			return os.WriteFile(target, text, 0o644)
		}))
	}
}

// configuration are the directories that a shop starts from, besides its programs.
func configuration() []string {
	return []string{".env.example", "redis", "nginx", "prometheus", "grafana"}
}

// replaceIn changes a text in a file.
func replaceIn(t *testing.T, path, old, with string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, with)), 0o644))
}

// build builds a program of the module in dir. Without the paths in it, a build for another directory is not a build anew.
func build(t *testing.T, dir, program, target string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", target, "./services/"+program)
	command.Dir = dir
	said, err := command.CombinedOutput()
	require.NoError(t, err, "%s", said)
}

// output is what a program prints, line by line to onLine if there is one.
type output struct {
	mu     sync.Mutex
	text   bytes.Buffer
	onLine func(line string)
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.onLine != nil {
		o.onLine(string(p))
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
