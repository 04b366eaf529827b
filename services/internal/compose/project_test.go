package compose

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/joho/godotenv"
	"github.com/stretchr/testify/require"
)

// root is the repository, seen from this package.
const root = "../../.."

// Secrets as `make env` would write them, easy to find again.
const (
	secretKey     = "secret-key-0123456789abcdef0123456789abcdef"
	adminPassword = "admin-password-0123456789abcdef"
)

// redisSecrets are those of the users of Redis and Sentinel, and who has to know each of them.
func redisSecrets() map[string]*regexp.Regexp {
	return map[string]*regexp.Regexp{
		"REDIS_API_PASSWORD":         regexp.MustCompile(`^(api|redis|sentinel)-\d`),
		"REDIS_EXPORTER_PASSWORD":    regexp.MustCompile(`^(redis|sentinel)-`), // among them redis-exporter
		"REDIS_REPLICATION_PASSWORD": regexp.MustCompile(`^redis-\d`),
		"REDIS_SENTINEL_PASSWORD":    regexp.MustCompile(`^(redis|sentinel)-\d`),
		"REDIS_BOOT_PASSWORD":        regexp.MustCompile(`^(redis|sentinel)-\d`),
		"REDIS_BACKUP_PASSWORD":      regexp.MustCompile(`^(redis-\d|backup$)`),
		"REDIS_ADMIN_PASSWORD":       regexp.MustCompile(`^(redis-\d|sentinel-\d|operator$)`),
	}
}

// secretOf is the value that the tests give to one of them.
func secretOf(name string) string { return "value-of-" + name }

// exampleEnv is .env.example with secrets of our own, as a fresh .env has them.
func exampleEnv(t *testing.T) map[string]string {
	t.Helper()
	env, err := godotenv.Read(filepath.Join(root, ".env.example"))
	require.NoError(t, err)
	maps.Copy(env, map[string]string{"SECRET_KEY": secretKey, "ADMIN_PASSWORD": adminPassword})
	for name := range redisSecrets() {
		env[name] = secretOf(name)
	}
	return env
}

// load reads the shipped file with an environment, changed by the given settings. COMPOSE_PROFILES is one of them.
func load(t *testing.T, changes map[string]string) *types.Project {
	t.Helper()
	env := exampleEnv(t)
	maps.Copy(env, changes)
	project, err := tryLoad(env)
	require.NoError(t, err)
	return project
}

func tryLoad(env map[string]string) (*types.Project, error) {
	var pairs []string
	for name, value := range env {
		pairs = append(pairs, name+"="+value)
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithWorkingDirectory(root), cli.WithEnv(pairs), cli.WithResolvedPaths(true),
		cli.WithProfiles(strings.Split(env["COMPOSE_PROFILES"], ",")))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

// environment is what a service's process gets.
func environment(t *testing.T, project *types.Project, service string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for name, value := range project.Services[service].Environment {
		if value != nil {
			env[name] = *value
		}
	}
	return env
}

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(text)
}
