package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTwoAPIReplicasRunTwoProgramsAndEachAnotherOneFromItsNextStart(t *testing.T) {
	t.Parallel()
	root, err := Root()
	require.NoError(t, err)
	older, newer := filepath.Join(t.TempDir(), "older"), filepath.Join(t.TempDir(), "newer")
	for _, target := range []string{older, newer} {
		require.NoError(t, buildProgram(t.Context(), root, "api", target))
	}
	s := StartT(t, Options{
		Services: append(RedisAndSentinels(), "api-1", "api-2"), APIBinary: newer, APIBinaries: map[string]string{"api-1": older},
	})
	first, second := s.Process("api-1"), s.Process("api-2")
	require.Equal(t, []string{older, newer}, []string{programOf(t, first), programOf(t, second)})

	first.Use(newer)
	second.Use(older)
	require.Equal(t, []string{older, newer}, []string{programOf(t, first), programOf(t, second)}, "what runs goes on")
	require.NoError(t, first.Restart(t.Context()))
	require.NoError(t, second.Restart(t.Context()))
	require.Equal(t, []string{newer, older}, []string{programOf(t, first), programOf(t, second)})
}

// programOf is what the process was started as: the two files are one program with two names.
func programOf(t *testing.T, p *Process) string {
	t.Helper()
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID()))
	require.NoError(t, err)
	require.NotEmpty(t, line)
	return string(line[:len(line)-1])
}
