package stack

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAGroupRunsUntilItsLastProcessHasEnded(t *testing.T) {
	t.Parallel()
	leader := exec.Command("sh", "-c", "sleep 1000 & echo begun; sleep 1000")
	leader.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	begun, err := leader.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, leader.Start())
	_, err = begun.Read(make([]byte, 6))
	require.NoError(t, err, "the leader tells when its child is there")
	group := leader.Process.Pid
	t.Cleanup(func() { _ = unix.Kill(-group, unix.SIGKILL) })
	require.True(t, groupRuns(group))

	require.NoError(t, leader.Process.Kill(), "the leader alone")
	_ = leader.Wait()
	const limit = 50 * time.Millisecond
	began := time.Now()
	awaitGroup(group, limit)
	require.GreaterOrEqual(t, time.Since(began), limit, "it waits for those that the leader left")
	require.True(t, groupRuns(group))

	require.NoError(t, unix.Kill(-group, unix.SIGKILL))
	awaitGroup(group, groupLimit)
	require.False(t, groupRuns(group))
}
