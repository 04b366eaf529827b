package attack

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// The page's rows of OWASP's API4 and API6 name tests and classes of attack: each has to be there.
func TestTheSecurityPageNamesTestsAndClassesThatThereAre(t *testing.T) {
	root, err := stack.Root()
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	require.NoError(t, err)
	_, rows, found := strings.Cut(string(page), "## What a caller can cost")
	require.True(t, found)
	rows, _, _ = strings.Cut(rows, "\n## ")
	declared := declaredTests(t, filepath.Join(root, "services"))
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(rows, -1)
	require.NotEmpty(t, named)
	for _, name := range named {
		require.True(t, declared[name[1]], "there is no test %s", name[1])
	}
	for _, c := range Classes() {
		texttest.Contains(t, rows, "`"+c.Name+"`", "a class of attack stands in a row")
	}
}

// declaredTests are the names of all test functions below a directory.
func declaredTests(t *testing.T, dir string) map[string]bool {
	t.Helper()
	found, declaration := map[string]bool{}, regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range declaration.FindAllStringSubmatch(string(text), -1) {
			found[name[1]] = true
		}
		return err
	}))
	return found
}
