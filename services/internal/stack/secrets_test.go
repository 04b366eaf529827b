package stack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAChangeOfEnvKeepsAllElseAndItsMode(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text    string
		changes map[string]string
		want    string
	}{
		"a value is replaced where it stands":      {"# mine\nA=1\nB=2\n", map[string]string{"A": "3"}, "# mine\nA=3\nB=2\n"},
		"what stood there twice stands there once": {"A=1\nA=2\nB=2\n", map[string]string{"A": "3"}, "A=3\nB=2\n"},
		"a value that is lacking is added":         {"A=1", map[string]string{"B": "2"}, "A=1\nB=2\n"},
		"an empty value takes the line away":       {"A=1\nB=2\n", map[string]string{"A": "", "C": ""}, "B=2\n"},
		"a name that begins alike is another":      {"AB=1\n#A=4\nA=2\n", map[string]string{"A": "3"}, "AB=1\n#A=4\nA=3\n"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			path := filepath.Join(root, ".env")
			require.NoError(t, os.WriteFile(path, []byte(test.text), 0o640))
			require.NoError(t, ChangeEnv(root, test.changes))
			require.Equal(t, test.want, readFile(t, path))
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
			left, err := os.ReadDir(root)
			require.NoError(t, err)
			require.Len(t, left, 1)
		})
	}
}

func TestASecretThatIsBeingReplacedIsGivenToTheServersAloneThatAcceptIt(t *testing.T) {
	t.Parallel()
	const name = "REDIS_REPLICATION_PASSWORD"
	settings := map[string]string{name: "old", name + NextEnding: "next", "REDIS_MAXMEMORY": "1mb"}
	now := map[string]string{name: "next", name + BeforeEnding: "old", "REDIS_MAXMEMORY": "2mb"}
	read := 0
	s := &Stack{Net: "127.20.0", dir: "dir", settings: settings, reread: func() (map[string]string, error) { read++; return now, nil }}

	node, err := s.environmentNow(serviceNamed("redis-1"))
	require.NoError(t, err)
	require.Subset(t, node, []string{name + "=next", name + BeforeEnding + "=old"})
	require.NotContains(t, node, name+NextEnding+"=next", "what is done with is forgotten")
	require.Contains(t, node, "REDIS_MAXMEMORY=1mb", "other settings are those of the start")
	for _, other := range []string{"sentinel-1", "api-1", "redis-exporter", BackupName} {
		env, err := s.environmentNow(serviceNamed(other))
		require.NoError(t, err)
		for _, entry := range env {
			require.NotContains(t, entry, name, other)
		}
	}
	env, err := s.environmentNow(serviceNamed("nginx-a"))
	require.NoError(t, err)
	require.Nil(t, env)
	require.Equal(t, 6, read)
}
