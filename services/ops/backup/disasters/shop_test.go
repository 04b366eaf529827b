package disasters_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/joho/godotenv"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/operate"
	"evergreen/services/internal/stack"
)

// patience is how long a condition is waited for.
const patience = 90 * time.Second

// shop is a supervised stack in a directory that looks like a clone of the repository, so that the commands of a page run there.
type shop struct {
	*stack.Stack
	t       *testing.T
	clone   string
	options stack.Options
}

// open starts a shop. Options may name services and programs; the rest is set here. Before the start prepare gets the directory
// of its data, if there is a prepare.
func open(t *testing.T, o stack.Options, prepare ...func(dir string)) *shop {
	t.Helper()
	s := &shop{t: t, clone: t.TempDir(), options: o}
	s.linkFiles()
	net, err := stack.PrivateNet()
	require.NoError(t, err)
	s.options.Net, s.options.Dir, s.options.Supervise = net, filepath.Join(s.clone, ".data", net), true
	require.NoError(t, os.MkdirAll(s.options.Dir, 0o700))
	for _, first := range prepare {
		first(s.options.Dir)
	}
	if o.Services == nil {
		s.options.Services = slices.DeleteFunc(stack.Everything(), func(name string) bool { return name == "prometheus" })
	}
	_, err = stack.MakeEnv(s.clone)
	require.NoError(t, err)
	s.options.Reread = func() (map[string]string, error) {
		return stack.LoadSettings(s.clone, func(string) string { return "" })
	}
	settings, err := s.options.Reread()
	require.NoError(t, err)
	s.options.Settings = stack.WithHighQuotas(o.Settings)
	for name, value := range settings {
		if _, set := s.options.Settings[name]; !set {
			s.options.Settings[name] = value
		}
	}
	require.NoError(t, godotenv.Write(s.options.Settings, filepath.Join(s.clone, ".env")))
	s.up()
	return s
}

// linkFiles gives the clone every file of the repository but what belongs to one clone alone.
func (s *shop) linkFiles() {
	s.t.Helper()
	root, err := stack.Root()
	require.NoError(s.t, err)
	entries, err := os.ReadDir(root)
	require.NoError(s.t, err)
	for _, entry := range entries {
		name := entry.Name()
		from, to := filepath.Join(root, name), filepath.Join(s.clone, name)
		switch name {
		case ".data", ".env", ".git":
		case "nginx", "prometheus", "redis", "grafana": // an upgrade reads these directories itself
			require.NoError(s.t, os.CopyFS(to, os.DirFS(from)))
		default:
			require.NoError(s.t, os.Symlink(from, to))
		}
	}
}

// up is `make up`.
func (s *shop) up() {
	s.t.Helper()
	s.Stack = stack.StartT(s.t, s.options)
}

// stop is Ctrl-C where `make up` runs.
func (s *shop) stop() {
	s.t.Helper()
	require.NoError(s.t, s.Stop(s.t.Context()))
}

// primary is the node that two Sentinels name.
func (s *shop) primary() string {
	s.t.Helper()
	name, err := s.Primary(s.t.Context())
	require.NoError(s.t, err)
	return name
}

// replicas are the other nodes.
func (s *shop) replicas() []string {
	s.t.Helper()
	primary := s.primary()
	return slices.DeleteFunc(nodes(), func(name string) bool { return name == primary })
}

func nodes() []string     { return []string{"redis-1", "redis-2", "redis-3"} }
func sentinels() []string { return []string{"sentinel-1", "sentinel-2", "sentinel-3"} }

// handOver makes another node primary.
func (s *shop) handOver() string {
	s.t.Helper()
	require.NoError(s.t, s.Handover(s.t.Context(), s.t.Logf))
	return s.primary()
}

// volume is a file of a service's own directory.
func (s *shop) volume(service string, path ...string) string {
	return filepath.Join(append([]string{s.Dir(), service}, path...)...)
}

// commits is how many writes a node has seen.
func (s *shop) commits(node string) int {
	s.t.Helper()
	reply, err := s.Redis(s.t.Context(), node, "GET", "evg:commit:seq")
	require.NoError(s.t, err)
	n, err := strconv.Atoi(reply)
	require.NoError(s.t, err)
	return n
}

// awaitWhole waits until the stack lacks nothing.
func (s *shop) awaitWhole() {
	s.t.Helper()
	look := func(ctx context.Context) stack.Report { return stack.Inspect(ctx, s.Net, s.Dir(), s.Settings()) }
	require.NoError(s.t, operate.Await(s.t.Context(), io.Discard, patience, look))
}

// await looks at a condition again and again until it holds.
func (s *shop) await(what string, holds func() bool) {
	s.t.Helper()
	require.Eventually(s.t, holds, patience, 50*time.Millisecond, what)
}
