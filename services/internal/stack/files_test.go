package stack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// changedFiles copies what ships and replaces a text in one of the files.
func changedFiles(t *testing.T, file, old, with string) string {
	t.Helper()
	root, err := Root()
	require.NoError(t, err)
	dir := t.TempDir()
	for _, part := range []string{"redis", "nginx", "prometheus"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(root, part))))
	}
	example, err := os.ReadFile(filepath.Join(root, ".env.example"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env.example"), example, 0o600))
	text, err := os.ReadFile(filepath.Join(dir, file))
	require.NoError(t, err)
	texttest.Contains(t, string(text), old)
	require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(strings.ReplaceAll(string(text), old, with)), 0o600))
	return dir
}

// A drill takes safeguards out of the configuration this way.
func TestAStackUsesTheFilesItIsGiven(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, file, old, with, rendered string }{
		{"nginx", "nginx/upstream.conf.template", "keepalive 64;", "keepalive 65;", "nginx-a/config/upstream.conf"},
		{"Prometheus", "prometheus/prometheus.yml", "scrape_interval: ", "scrape_interval: 1", "prometheus/config/prometheus.yml"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s, err := New(t.Context(), Options{Services: []string{"nginx-a", "prometheus"}, Files: changedFiles(t, row.file, row.old, row.with)})
			require.NoError(t, err)
			s.StopT(t)
			text, err := os.ReadFile(filepath.Join(s.Dir(), row.rendered))
			require.NoError(t, err)
			texttest.Contains(t, string(text), row.with)
		})
	}
}

func TestTheRedisNodesOfAStackRunFromTheFilesItIsGiven(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: RedisAndSentinels(), Files: changedFiles(t, "redis/redis.conf", "appendfsync always", "appendfsync everysec")})
	reply, err := s.Redis(t.Context(), "redis-2", "CONFIG", "GET", "appendfsync")
	require.NoError(t, err)
	require.Equal(t, "appendfsync\neverysec", reply)
}

func TestTheSettingsOfAStackAreThoseOfTheFilesItIsGiven(t *testing.T) {
	t.Parallel()
	s, err := New(t.Context(), Options{Services: []string{}, Files: changedFiles(t, ".env.example", "SENTINEL_DOWN_AFTER_MS=2000", "SENTINEL_DOWN_AFTER_MS=1234")})
	require.NoError(t, err)
	s.StopT(t)
	require.Equal(t, "1234", s.Setting("SENTINEL_DOWN_AFTER_MS"))
}
