package disasters_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

func TestAnUpgradeIsTakenBackWhileTheShopSellsAndNoRequestFails(t *testing.T) {
	root, err := stack.Root()
	require.NoError(t, err)
	before := filepath.Join(t.TempDir(), "api")
	// Another program than the one that the upgrade builds, by its symbols alone.
	command := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s", "-o", before, "./services/api")
	command.Dir = root
	said, err := command.CombinedOutput()
	require.NoError(t, err, "%s", said)
	s := open(t, stack.Options{}, nil...)
	running, err := stack.FindRunning(s.options)
	require.NoError(t, err)
	require.NoError(t, running.Install(before))
	for _, name := range []string{"api-1", "api-2"} {
		require.NoError(t, running.Renew(t.Context(), name))
	}
	s.awaitWhole()

	load := s.startTraffic()
	book := s.page("upgrade-taken-back.md")
	book.run("How to see it", nil)
	upgraded := exec.CommandContext(t.Context(), "make", "rolling-upgrade", "NET="+s.Net)
	upgraded.Dir = s.clone
	said, err = upgraded.CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Contains(t, string(said), "api-2 is made anew")
	requireRuns(t, running, before, false)

	require.Contains(t, book.run("What to do", nil), "api-2 is made anew")
	requireRuns(t, running, before, true)
	s.awaitWhole()
	book.run("How to know that it is over", nil)
	load.endWithoutFailure()
}

// requireRuns demands of both replicas that they run the program at path, or that they don't.
func requireRuns(t *testing.T, running *stack.Running, path string, wanted bool) {
	t.Helper()
	for _, name := range []string{"api-1", "api-2"} {
		same, err := running.Runs(name, path)
		require.NoError(t, err)
		require.Equal(t, wanted, same, name)
	}
}
