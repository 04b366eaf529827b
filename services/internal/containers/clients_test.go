//go:build containers

package containers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/replay"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// The package postman holds the answers against openapi.yaml as well; here it is enough that the collection's own
// assertions pass through the published port.
func TestThePostmanCollectionPassesThroughThePublishedPort(t *testing.T) {
	s := whole(t)
	root, err := stack.Root()
	require.NoError(t, err)
	dir := filepath.Join(root, "postman")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "newman")); errors.Is(err, fs.ErrNotExist) {
		install := exec.CommandContext(t.Context(), "npm", "ci", "--no-progress")
		install.Dir = dir
		said, err := install.CombinedOutput()
		require.NoError(t, err, "npm ci could not install newman:\n%s", said)
	}
	newman := exec.CommandContext(t.Context(), "node", filepath.Join(dir, "node_modules", "newman", "bin", "newman.js"), "run",
		filepath.Join(dir, "evergreen.postman_collection.json"), "--environment", s.postmanEnvironment(t),
		"--timeout-request", "20000", "--color", "off", "--disable-unicode", "--bail")
	said, err := newman.CombinedOutput()
	require.NoError(t, err, "newman said:\n%s", said)
	_, table, _ := strings.Cut(string(said), "executed |")
	t.Logf("newman: executed |%s", table)
}

// postmanEnvironment is a file, for others can see a command line, and with it the password.
func (s *shop) postmanEnvironment(t *testing.T) string {
	t.Helper()
	var values []shoptest.Object
	for name, value := range map[string]string{
		"baseUrl": s.URL(), "adminEmail": s.Setting("ADMIN_EMAIL"), "adminPassword": s.Setting("ADMIN_PASSWORD"),
	} {
		values = append(values, shoptest.Object{"key": name, "value": value, "enabled": true})
	}
	text, err := json.Marshal(shoptest.Object{"name": "containers", "values": values})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "environment.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// The real invoices where they lie beside the repository, which does not have them; else its small file of every kind
// of dirt.
func TestARealShopsInvoicesAreSoldAndAddUp(t *testing.T) {
	s := whole(t)
	root, err := stack.Root()
	require.NoError(t, err)
	path := filepath.Join(root, "..", "shared", "data", "online-retail-10k.csv")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		path = filepath.Join(root, "services", "internal", "replay", "testdata", "candle-shop.csv")
	}
	began := time.Now()
	var out, notes bytes.Buffer
	err = replay.Run(t.Context(), replay.Options{
		URL: s.URL(), Email: s.Setting("ADMIN_EMAIL"), Password: s.Setting("ADMIN_PASSWORD"), Path: path, AtOnce: 16,
		Patience: time.Minute, Progress: replay.NewProgress(io.Discard, false), Out: &out, Notes: &notes,
	})
	require.NoError(t, err, "%s\n%s", &out, &notes)
	texttest.NotContains(t, notes.String(), "refused", "something that a person would have to look at")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	t.Logf("%s, in %.0f s: %s", filepath.Base(path), time.Since(began).Seconds(), lines[len(lines)-1])
}
