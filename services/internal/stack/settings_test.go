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
	for _, name := range []string{"SECRET_KEY", "REDIS_PASSWORD", "ADMIN_PASSWORD"} {
		require.GreaterOrEqual(t, len(settings[name]), config.MinSecret)
		secrets[settings[name]] = true
	}
	require.Len(t, secrets, 3, "each is another one")

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

	own := "SECRET_KEY=a-key-of-my-own-that-is-long-enough\nREDIS_PASSWORD=mine\nADMIN_PASSWORD=mine-mine-mine\nLOG_LEVEL=warn\nRESERVATION=1m\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, ".env"), []byte(own), 0o600))
	settings, err := LoadSettings(root, func(name string) string {
		return map[string]string{"LOG_LEVEL": "debug"}[name]
	})
	require.NoError(t, err)
	require.Equal(t, "debug", settings["LOG_LEVEL"])
	require.Equal(t, "1m", settings["RESERVATION"])
	require.Equal(t, "12h", settings["SESSION_TTL"])
	require.Equal(t, "mine", settings["REDIS_PASSWORD"])
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
