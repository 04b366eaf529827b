// Package npmtest installs what tests need of npm. Only tests import it.
package npmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Install puts the packages that dir's lock file names into dir/node_modules, at the locked versions, unless that was
// done since the lock file changed. Without Node.js and npm the test fails.
func Install(t *testing.T, dir string) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		_, err := exec.LookPath(program)
		require.NoError(t, err, "this needs Node.js 18 or later and npm; on Debian scripts/install-deps test installs them")
	}
	locked, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	require.NoError(t, err)
	done, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	if err == nil && !done.ModTime().Before(locked.ModTime()) {
		return
	}
	command := exec.CommandContext(t.Context(), "npm", "ci", "--no-progress")
	command.Dir = dir
	said, err := command.CombinedOutput()
	require.NoError(t, err, "npm ci could not install what %s names:\n%s", locked.Name(), said)
}
