package stack

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/config"
)

// oldEnv is an .env from before each user of Redis had a secret of its own.
const oldEnv = `# mine
SECRET_KEY=a-key-of-my-own-that-is-long-enough
REDIS_PASSWORD=of-everybody
REDIS_EXPORTER_PASSWORD=set-by-hand
ADMIN_EMAIL=me@example.com
ADMIN_PASSWORD=mine-mine-mine`

func TestAnEnvOfAnEarlierVersionIsGivenTheSecretsThatItLacks(t *testing.T) {
	t.Parallel()
	root := repository(t)
	path := filepath.Join(root, ".env")
	require.NoError(t, os.WriteFile(path, []byte(oldEnv), 0o600))
	_, err := LoadSettings(root, noEnvironment)
	require.ErrorContains(t, err, "`make env` adds a random one")

	added, err := CompleteEnv(root)
	require.NoError(t, err)
	require.Equal(t, []string{
		"REDIS_API_PASSWORD", "REDIS_REPLICATION_PASSWORD", "REDIS_SENTINEL_PASSWORD", "REDIS_BOOT_PASSWORD", "REDIS_BACKUP_PASSWORD",
		"REDIS_ADMIN_USER", "REDIS_ADMIN_PASSWORD", "API_REPLICAS", "COMPOSE_PROFILES",
	}, added)
	text := readFile(t, path)
	require.True(t, strings.HasPrefix(text, oldEnv+"\n"), "what stood there stands there still")
	settings, err := LoadSettings(root, noEnvironment)
	require.NoError(t, err)
	require.Equal(t, []string{"set-by-hand", "mine-mine-mine", "operator"},
		[]string{settings["REDIS_EXPORTER_PASSWORD"], settings["ADMIN_PASSWORD"], settings["REDIS_ADMIN_USER"]})
	require.Equal(t, "grafana,api-2", settings["COMPOSE_PROFILES"])
	require.NotEqual(t, settings["REDIS_API_PASSWORD"], settings["REDIS_ADMIN_PASSWORD"])
	require.GreaterOrEqual(t, len(settings["REDIS_API_PASSWORD"]), config.MinSecret)

	added, err = CompleteEnv(root)
	require.NoError(t, err)
	require.Empty(t, added)
	require.Equal(t, text, readFile(t, path))
}

func TestASecretIsAddedOnceWhoeverAddsIt(t *testing.T) {
	t.Parallel()
	root := repository(t)
	path := filepath.Join(root, ".env")
	require.NoError(t, os.WriteFile(path, []byte(oldEnv), 0o600))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { _, _ = CompleteEnv(root) })
	}
	all.Wait()
	for _, name := range secretNames() {
		require.Equal(t, 1, strings.Count("\n"+readFile(t, path), "\n"+name+"="), name)
	}
}

func TestAnEnvThatIsNoneIsLeftAlone(t *testing.T) {
	t.Parallel()
	root := repository(t)
	path := filepath.Join(root, ".env")
	_, err := CompleteEnv(root)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("A='never closed"), 0o600))
	_, err = CompleteEnv(root)
	require.ErrorContains(t, err, ".env")
	require.Equal(t, "A='never closed", readFile(t, path))
}
