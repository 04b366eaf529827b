package stack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/joho/godotenv"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/config"
)

// repository makes a directory with the shipped .env.example alone.
func repository(t *testing.T) string {
	t.Helper()
	root, err := Root()
	require.NoError(t, err)
	example, err := os.ReadFile(filepath.Join(root, ".env.example"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env.example"), example, 0o600))
	return dir
}

// secretNames are those that .env.example leaves to `make env`.
func secretNames() []string {
	return []string{
		"SECRET_KEY", "ADMIN_PASSWORD", "REDIS_API_PASSWORD", "REDIS_EXPORTER_PASSWORD", "REDIS_REPLICATION_PASSWORD",
		"REDIS_SENTINEL_PASSWORD", "REDIS_BOOT_PASSWORD", "REDIS_BACKUP_PASSWORD", "REDIS_ADMIN_PASSWORD",
	}
}

func TestAnEnvIsMadeOnceWithSecretsOfItsOwn(t *testing.T) {
	t.Parallel()
	root := repository(t)
	made, err := MakeEnv(root)
	require.NoError(t, err)
	require.True(t, made)
	path := filepath.Join(root, ".env")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	first, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(first), config.ExampleSecret)

	settings, err := godotenv.Read(path)
	require.NoError(t, err)
	secrets := map[string]bool{}
	for _, name := range secretNames() {
		require.GreaterOrEqual(t, len(settings[name]), config.MinSecret, name)
		secrets[settings[name]] = true
	}
	require.Len(t, secrets, len(secretNames()), "each is another one")

	made, err = MakeEnv(root)
	require.NoError(t, err)
	require.False(t, made)
	second, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(first), string(second))
	left, err := filepath.Glob(filepath.Join(root, ".env.new-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestSettingsComeFromTheEnvironmentThenEnvThenTheExample(t *testing.T) {
	t.Parallel()
	root := repository(t)
	_, err := LoadSettings(root, noEnvironment)
	require.ErrorContains(t, err, "make env")

	own := "LOG_LEVEL=warn\nRESERVATION=1m\n"
	for _, name := range secretNames() {
		own += name + "=mine-" + name + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, ".env"), []byte(own), 0o600))
	settings, err := LoadSettings(root, func(name string) string {
		return map[string]string{"LOG_LEVEL": "debug"}[name]
	})
	require.NoError(t, err)
	require.Equal(t, "debug", settings["LOG_LEVEL"])
	require.Equal(t, "1m", settings["RESERVATION"])
	require.Equal(t, "12h", settings["SESSION_TTL"])
	require.Equal(t, "mine-REDIS_API_PASSWORD", settings["REDIS_API_PASSWORD"])
	require.Equal(t, "operator", settings["REDIS_ADMIN_USER"])
}

func TestTheExamplesSecretsAreRefused(t *testing.T) {
	t.Parallel()
	root := repository(t)
	example, err := os.ReadFile(filepath.Join(root, ".env.example"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, ".env"), example, 0o600))
	_, err = LoadSettings(root, noEnvironment)
	require.ErrorContains(t, err, "of its own")
}

func noEnvironment(string) string { return "" }
