package processor_test

import (
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/processor"
)

func TestAProcessThatCountsUsesTimeAndOneThatSleepsDoesNot(t *testing.T) {
	t.Parallel()
	busy, idle := start(t, "while :; do :; done"), start(t, "read line")
	require.Eventually(t, func() bool { return processor.Time(busy) > 50*time.Millisecond }, 20*time.Second, 10*time.Millisecond)
	require.Less(t, processor.Time(idle), 50*time.Millisecond)
	require.Positive(t, processor.Time(idle))
	require.Zero(t, processor.Time(1<<30), "there is no such process")
}

func TestAGroupIsALeaderAndWhatItStarted(t *testing.T) {
	t.Parallel()
	leader, other := start(t, "sleep 60 & read line"), start(t, "read line")
	require.Eventually(t, func() bool { return len(processor.Group(leader)) == 2 }, 20*time.Second, 10*time.Millisecond)
	require.True(t, slices.Contains(processor.Group(leader), leader))
	require.Equal(t, []int{other}, processor.Group(other))
}

// start runs a script in a process group of its own until the test's end.
func start(t *testing.T, script string) (pid int) {
	t.Helper()
	command := exec.Command("sh", "-c", script)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		_ = command.Wait()
	})
	return command.Process.Pid
}
