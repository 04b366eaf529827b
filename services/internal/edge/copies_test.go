package edge

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// Where a collector reads files, nginx writes its logs there as well: to its output as ever, and to a file of bounded size.
func TestACopyOfTheLogsIsKeptForACollectorAndPutAside(t *testing.T) {
	e := newEdge(t)
	kept := t.TempDir()
	output := e.startByTheScript("RATE_EDGE_PER_SECOND=2000", "LOG_DIR="+kept, "LOG_LOOK_EVERY=0.1")

	require.Equal(t, http.StatusOK, e.send("GET", "/v1/products?email=ann%40example.org", "").status)
	access := filepath.Join(kept, "nginx-a", "access.log")
	has := func(path, text string) func() bool {
		return func() bool {
			all, err := os.ReadFile(path)
			return err == nil && strings.Contains(string(all), text)
		}
	}
	e.eventually(has(access, `"path":"/v1/products"`), "the copy has it")
	e.eventually(has(output, `"path":"/v1/products"`), "the output too")
	require.FileExists(t, filepath.Join(kept, "nginx-a", "error.log"))

	// As much as many requests would leave.
	file, err := os.OpenFile(access, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString(strings.Repeat("x", 5<<20))
	require.NoError(t, err)
	require.NoError(t, file.Close())
	e.eventually(func() bool {
		info, err := os.Stat(access)
		return err == nil && info.Size() == 0
	}, "a new file was begun")
	require.True(t, has(access+".1", `"path":"/v1/products"`)())
	require.Equal(t, http.StatusOK, e.send("GET", "/v1/later", "").status)
	e.eventually(has(access, `"path":"/v1/later"`), "nginx writes to the new one")
	texttest.NotContains(t, string(must(os.ReadFile(output))), "email=")
}

func must(text []byte, _ error) []byte { return text }
