package budget

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// theBook is docs/budget.json, and where it is.
func theBook(t *testing.T) (root string, b *book) {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	b, err = readBook(root)
	require.NoError(t, err)
	return root, b
}

// counted is what an order does in a shop of its own.
func countedIn(t *testing.T, o stack.Options) (counts, entry) {
	t.Helper()
	s, err := openShop(t.Context(), o)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.close(t.Context())) }()
	c, err := s.count(t.Context())
	require.NoError(t, err)
	return c, (&found{counts: [2]counts{c, c}}).entry("now")
}

func TestAnOrdersCommandsAndBytesAreWithinTheBudget(t *testing.T) {
	t.Parallel()
	_, b := theBook(t)
	c, e := countedIn(t, stack.Options{})
	require.Empty(t, b.over(e), "commands: %v; bytes kept: %v", c.commands, c.kept)
	require.InDelta(t, 1, c.commands["evalsha"], 0.05, "each purchase is a group of its own")
	require.InDelta(t, 1, c.commands["wait"], 0.05)
	for _, name := range figures() {
		require.Positive(t, e.Figures[name], name)
	}
}

func TestACostlierOrderIsNoticed(t *testing.T) {
	t.Parallel()
	_, b := theBook(t)
	// What it keeps more is as long as a list's entry.
	program := changed(t, "purchases/create.lua", "emit('purchase.pending', id, '1')",
		"redis.call('SET', keys[1] .. ':copy', id)\nemit('purchase.pending', id, '1')")
	_, e := countedIn(t, stack.Options{APIBinary: program})
	over := strings.Join(b.over(e), "\n")
	for _, name := range []string{figurePrimaryCommands, figureReplicaCommands, figurePrimaryAOF, figureReplicaAOF, figureKept} {
		require.Contains(t, over, name)
	}
	require.NotContains(t, over, figureStream, "the event is as it was")
}

// changed builds the API with one text of a file in services/internal replaced, which must be there once.
func changed(t *testing.T, file, text, with string) (program string) {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	path := filepath.Join(root, "services", "internal", filepath.FromSlash(file))
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(source), text), "%s in %s", text, file)
	dir := t.TempDir()
	replaced, overlay := filepath.Join(dir, "replaced"), filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(replaced, []byte(strings.Replace(string(source), text, with, 1)), 0o600))
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{path: replaced}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, list, 0o600))
	program = filepath.Join(dir, "api")
	build := exec.Command("go", "build", "-overlay", overlay, "-o", program, "./services/api")
	build.Dir = root
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))
	return program
}
