package postman

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/npmtest"
	"evergreen/services/internal/stack"
)

// folder is where the collection lies.
func folder(t *testing.T) string {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	return filepath.Join(root, "postman")
}

// installed gives newman's script and installs it first, at the locked
// versions, unless that was done since the lock file changed.
func installed(t *testing.T, dir string) string {
	t.Helper()
	npmtest.Install(t, dir)
	return filepath.Join(dir, "node_modules", "newman", "bin", "newman.js")
}

// read decodes a JSON file and gives its text, too.
func read(t *testing.T, path string, into any) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into), path)
	return text
}

// variables lists the {{names}} in a text; those with $ are Postman's own.
func variables(text []byte) (names []string) {
	for _, match := range regexp.MustCompile(`\{\{([A-Za-z]+)\}\}`).FindAllSubmatch(text, -1) {
		names = append(names, string(match[1]))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
