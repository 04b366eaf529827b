package stack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlaceholdersAreReplacedAndAllElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	rendered, err := Render("listen ${NET}.4; ${EMPTY}log $request_id ${lower} ${1} $NET", map[string]string{"NET": "127.9.9", "EMPTY": ""})
	require.NoError(t, err)
	require.Equal(t, "listen 127.9.9.4; log $request_id ${lower} ${1} $NET", rendered)
}

func TestUnknownPlaceholdersAreNamed(t *testing.T) {
	t.Parallel()
	_, err := Render("${NET} ${NO_SUCH} ${OTHER} ${NO_SUCH}", map[string]string{"NET": "127.9.9"})
	require.EqualError(t, err, "nothing is known for the placeholders NO_SUCH, OTHER")
}

func TestADirectoryIsRenderedForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "made")
	require.NoError(t, os.MkdirAll(filepath.Join(from, "rules"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(from, "a.conf.template"), []byte("${NET}"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(from, "rules", "b.yml"), []byte("up{} # ${NET}"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(from, "start.sh"), []byte("${OTHER}"), 0o755))
	require.NoError(t, renderDir(from, to, map[string]string{"NET": "127.9.9"}))
	rendered, err := os.ReadFile(filepath.Join(to, "rules", "b.yml"))
	require.NoError(t, err)
	require.Equal(t, "up{} # 127.9.9", string(rendered))
	info, err := os.Stat(filepath.Join(to, "a.conf"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoFileExists(t, filepath.Join(to, "start.sh"))
}
