package drill

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// hooks are texts that only a program built for the drill has: the names of the
// settings that break it, and some of their values.
func hooks() []string {
	return []string{"SHOP_WEAKNESS", "SHOP_DIAL_THROUGH", "SHOP_CLOCK_OFFSET", "wait-elsewhere", "refusals-forgotten",
		"layout-3-early", "members-dropped", "no-user-rate"}
}

func TestWhatShipsHasNoneOfTheDrillsHooks(t *testing.T) {
	root, err := stack.Root()
	require.NoError(t, err)
	shipped := filepath.Join(t.TempDir(), "api")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", shipped, "./services/api")
	build.Dir = root
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))
	ships, err := os.ReadFile(shipped)
	require.NoError(t, err)

	path, err := WeakAPI(t.Context())
	require.NoError(t, err)
	drills, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, hook := range hooks() {
		require.True(t, bytes.Contains(drills, []byte(hook)), "the drill's program has %s", hook)
		require.False(t, bytes.Contains(ships, []byte(hook)), "what ships has %s", hook)
	}
}
