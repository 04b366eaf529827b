package restore

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScratchFilesOfAnEndedProgramGoAndThoseOfALivingOneStay(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "restore")
	living, remove, err := workDir(dir)
	require.NoError(t, err)
	left := filepath.Join(dir, "work-1") // as process 1 of another container has named it
	require.NoError(t, os.MkdirAll(filepath.Join(left, "scratch"), 0o700))
	second, removeSecond, err := workDir(dir)
	require.NoError(t, err)
	require.NotEqual(t, living, second)
	require.DirExists(t, living)
	require.NoDirExists(t, left)
	remove()
	removeSecond()
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, found)
}
