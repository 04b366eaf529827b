package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const mebibyte = 1 << 20

// group makes one for the test, which is skipped where the machine allows no group.
func group(t *testing.T, limitBytes int64) *Memory {
	t.Helper()
	m, err := NewMemory(fmt.Sprintf("evergreen-test-%d-%s", os.Getpid(), t.Name()), limitBytes)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { require.NoError(t, m.Remove()) })
	return m
}

// filling runs a shell in the group that holds a text of so many bytes.
func filling(t *testing.T, m *Memory, textBytes int64) error {
	t.Helper()
	script := filepath.Join(t.TempDir(), "run")
	require.NoError(t, m.Wrap("/bin/sh", script))
	command := fmt.Sprintf("text=$(head -c %d /dev/zero | tr '\\0' x); [ ${#text} = %d ]", textBytes, textBytes)
	return exec.CommandContext(t.Context(), script, "-c", command).Run()
}

func TestAProcessWithinItsBoundGoesOn(t *testing.T) {
	m := group(t, 64*mebibyte)
	require.NoError(t, filling(t, m, mebibyte))
	kills, err := m.Kills()
	require.NoError(t, err)
	require.Zero(t, kills)
	peak, err := m.PeakBytes()
	require.NoError(t, err)
	require.Greater(t, peak, int64(mebibyte))
}

func TestAProcessBeyondItsBoundIsKilledAndCounted(t *testing.T) {
	m := group(t, 16*mebibyte)
	require.Error(t, filling(t, m, 200*mebibyte))
	kills, err := m.Kills()
	require.NoError(t, err)
	require.Positive(t, kills)
}
