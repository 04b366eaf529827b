package release_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/release"
)

// history is a clone with two versions of a program that prints its own.
func history(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	write(t, root, "go.mod", "module shop\n\ngo 1.26\n")
	run(t, root, "git", "init", "--quiet")
	for _, version := range []string{"one", "two"} {
		write(t, root, "services/shop/main.go", "package main\n\nfunc main() { println(\""+version+"\") }\n")
		write(t, root, "redis/users.acl", "user "+version+"\n")
		run(t, root, "git", "add", ".")
		run(t, root, "git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", version)
		run(t, root, "git", "tag", "v"+version)
	}
	return root
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func run(t *testing.T, dir string, argv ...string) string {
	t.Helper()
	command := exec.Command(argv[0], argv[1:]...)
	command.Dir = dir
	said, err := command.CombinedOutput()
	require.NoError(t, err, string(said))
	return strings.TrimSpace(string(said))
}

func TestAnEarlierVersionIsBuiltFromTheHistory(t *testing.T) {
	t.Parallel()
	root := history(t)
	write(t, root, "services/shop/main.go", "this does not compile")
	for _, version := range []string{"one", "two"} {
		program, err := release.Build(t.Context(), root, "v"+version, "shop")
		require.NoError(t, err)
		require.Equal(t, version, run(t, root, program))
		files, err := release.Files(t.Context(), root, "v"+version)
		require.NoError(t, err)
		users, err := os.ReadFile(filepath.Join(files, "redis/users.acl"))
		require.NoError(t, err)
		require.Equal(t, "user "+version+"\n", string(users))
		require.Equal(t, filepath.Dir(program), filepath.Dir(files))
	}
	require.Empty(t, run(t, root, "git", "worktree", "prune", "--verbose"), "no work tree is made")
}

func TestAVersionIsBuiltOnceHoweverManyAskForIt(t *testing.T) {
	t.Parallel()
	root := history(t)
	var all sync.WaitGroup
	infos := make([]os.FileInfo, 4)
	for i := range infos {
		all.Go(func() {
			program, err := release.Build(t.Context(), root, "vone", "shop")
			if err == nil {
				infos[i], err = os.Stat(program)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, info := range infos {
		require.True(t, os.SameFile(infos[0], info))
	}
	entries, err := os.ReadDir(filepath.Join(root, ".data/releases", run(t, root, "git", "rev-parse", "vone")))
	require.NoError(t, err)
	require.Len(t, entries, 2, "the files, the program, and no draft of either")
}

func TestAVersionThatDoesNotCompileIsSaidAndNotKept(t *testing.T) {
	t.Parallel()
	root := history(t)
	for range 2 {
		_, err := release.Build(t.Context(), root, "vone", "cellar")
		require.ErrorContains(t, err, "building services/cellar of one")
		require.NotErrorIs(t, err, release.ErrNoHistory)
	}
}

func TestAMissingHistoryIsSaid(t *testing.T) {
	t.Parallel()
	root := history(t)
	first := run(t, root, "git", "rev-parse", "vone")
	shallow, bare := filepath.Join(t.TempDir(), "shallow"), t.TempDir()
	run(t, root, "git", "clone", "--quiet", "--depth", "1", "file://"+root, shallow)
	for _, clone := range []string{shallow, bare} {
		_, err := release.Build(t.Context(), clone, first, "shop")
		require.ErrorIs(t, err, release.ErrNoHistory)
		require.ErrorContains(t, err, first)
		require.ErrorContains(t, err, "git fetch --unshallow --tags")
	}
}

func TestEveryPlaceThatNamesTheVersionAgrees(t *testing.T) {
	t.Parallel()
	for file, pattern := range map[string]string{
		"services/internal/openapi/openapi.yaml": `(?m)^  version: "(.*)"$`,
		"services/api/Dockerfile":                `(?m)^ARG VERSION=(.*)$`,
		"docker-compose.yml":                     `(?m)^      VERSION: \$\{VERSION:-(.*)\}$`,
		"CHANGELOG.md":                           `(?m)^## ([0-9]\S*)`,
	} {
		text, err := os.ReadFile(filepath.Join("../../..", file))
		require.NoError(t, err)
		found := regexp.MustCompile(pattern).FindStringSubmatch(string(text))
		require.NotEmpty(t, found, file)
		require.Equal(t, release.Version, found[1], file)
	}
}

func TestThePreviousReleaseIsAnAncestorWithAllThatAStackStartsFrom(t *testing.T) {
	t.Parallel()
	root := run(t, ".", "git", "rev-parse", "--show-toplevel")
	files, err := release.Files(t.Context(), root, release.Previous)
	if err != nil {
		require.ErrorIs(t, err, release.ErrNoHistory)
		t.Skip(err)
	}
	run(t, root, "git", "merge-base", "--is-ancestor", release.Previous, "HEAD")
	for _, name := range []string{"redis/start-redis.sh", "nginx/nginx.conf.template", "prometheus/prometheus.yml", ".env.example", "services/api/main.go"} {
		require.FileExists(t, filepath.Join(files, name))
	}
}
