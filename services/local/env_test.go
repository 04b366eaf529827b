package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

func TestMakeEnvSaysWhatItMadeAddedOrLeft(t *testing.T) {
	t.Parallel()
	repository, err := stack.Root()
	require.NoError(t, err)
	root := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(repository, ".env.example"), filepath.Join(root, ".env.example")))
	path := filepath.Join(root, ".env")
	says := func() string {
		var out bytes.Buffer
		l := local{root: root, out: &out}
		require.NoError(t, l.makeEnv())
		return out.String()
	}
	require.Contains(t, says(), "made .env")
	require.Contains(t, says(), "stays as it is")
	require.NoError(t, os.WriteFile(path, []byte("SECRET_KEY=mine\nADMIN_PASSWORD=mine\nREDIS_PASSWORD=old\n"), 0o600))
	said := says()
	texttest.Contains(t, said, "added to .env, which lacked them: REDIS_API_PASSWORD, ")
	texttest.Contains(t, said, "REDIS_ADMIN_PASSWORD")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	texttest.NotContains(t, said, string(text[len(text)-20:]), "secrets are not shown")
	require.Contains(t, says(), "stays as it is")
}
