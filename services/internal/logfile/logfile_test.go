package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoLineIsLostOrTornWhenTheFileIsPutAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := Open(dir, "api-1")
	require.NoError(t, err)
	f.most = 10_000
	var all sync.WaitGroup
	for writer := range 4 {
		all.Go(func() {
			for n := range 100 { // 16 bytes each: 6,400, then as much again
				_, err := fmt.Fprintf(f, "%d wrote line %03d\n", writer, n)
				require.NoError(t, err)
			}
		})
	}
	all.Wait()
	require.NoError(t, f.Close())
	f, err = Open(dir, "api-1")
	require.NoError(t, err, "another life of the program")
	f.most = 10_000
	for n := range 200 {
		_, err := fmt.Fprintf(f, "4 wrote line %03d\n", n)
		require.NoError(t, err)
	}
	aside, err := os.ReadFile(filepath.Join(dir, "api-1.log.1"))
	require.NoError(t, err)
	now, err := os.ReadFile(filepath.Join(dir, "api-1.log"))
	require.NoError(t, err)
	require.LessOrEqual(t, len(aside), 10_000)
	require.LessOrEqual(t, len(now), 10_000)
	lines := strings.Split(strings.TrimSuffix(string(aside)+string(now), "\n"), "\n")
	require.Len(t, lines, 600)
	seen := map[string]bool{}
	for _, line := range lines {
		require.Regexp(t, `^\d wrote line \d{3}$`, line)
		seen[line] = true
	}
	require.Len(t, seen, 600)
	info, err := os.Stat(filepath.Join(dir, "api-1.log"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm(), "the collector is another user")
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestACopyThatFailsIsNobodysConcern(t *testing.T) {
	t.Parallel()
	var out, kept bytes.Buffer
	n, err := Also(&out, broken{}, &kept).Write([]byte("a line\n"))
	require.NoError(t, err)
	require.Equal(t, 7, n)
	require.Equal(t, "a line\n", out.String())
	require.Equal(t, "a line\n", kept.String())
	_, err = Open(filepath.Join(t.TempDir(), "none"), "api-1")
	require.Error(t, err)
}
