package logs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// The start scripts of Redis and Sentinel keep a copy of the log where a collector reads it.
func TestTheStartScriptsKeepALogForACollectorThatIsBounded(t *testing.T) {
	t.Parallel()
	kept := t.TempDir()
	output := startKeeping(t, kept, `umask 077; say hello; exec sh -c 'while read -r line; do echo "$line"; done'`)
	path := filepath.Join(kept, "redis-1.log")
	contains := func(path, text string) func() bool {
		return func() bool { return strings.Contains(read(path), text) }
	}
	require.Eventually(t, contains(path, "start: hello"), 10*time.Second, 10*time.Millisecond)
	require.Eventually(t, contains(output.path, "start: hello"), 10*time.Second, 10*time.Millisecond, "the container's output has it too")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm(), "the collector is another user")

	output.says(t, strings.Repeat("x", 2<<20)+"\nthe last line of the first file")
	require.Eventually(t, contains(path+".1", "the last line of the first file"), 10*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool { return read(path) == "" }, 10*time.Second, 10*time.Millisecond)
	output.says(t, "after that")
	require.Eventually(t, func() bool { return read(path) == "after that\n" }, 10*time.Second, 10*time.Millisecond,
		"the server goes on at the beginning of the file")
	require.Eventually(t, contains(output.path, "after that"), 10*time.Second, 10*time.Millisecond)
	info, err = os.Stat(path + ".1")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm())
}

func TestAServerWhoseLogCannotBeKeptStartsAllTheSame(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"", filepath.Join(t.TempDir(), "none")} {
		output := startKeeping(t, dir, `say hello; exec cat`)
		output.says(t, "I run")
		require.Eventually(t, func() bool { return strings.Contains(read(output.path), "I run") }, 10*time.Second, 10*time.Millisecond)
		texttest.Contains(t, read(output.path), "start: hello")
		require.Equal(t, dir != "", strings.Contains(read(output.path), "cannot be written"))
	}
}

func TestTheContainersOutputHasWhatWasSaidBeforeTheCopyBegan(t *testing.T) {
	slow := t.TempDir()
	tail, err := exec.LookPath("tail")
	require.NoError(t, err)
	kept := t.TempDir()
	wait := "#!/bin/sh\nuntil grep -q hello " + filepath.Join(kept, "redis-1.log") + "; do sleep 0.02; done\nexec " + tail + ` "$@"` + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(slow, "tail"), []byte(wait), 0o700))
	t.Setenv("PATH", slow+":"+os.Getenv("PATH"))
	output := startKeeping(t, kept, `say hello; exec cat`)
	require.Eventually(t, func() bool { return strings.Contains(read(output.path), "start: hello") }, 10*time.Second, 10*time.Millisecond)
}

func TestARealSentinelKeepsItsLogAndSaysItToo(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	require.NoError(t, err)
	prefix, err := stack.PrivateNet()
	require.NoError(t, err)
	kept, output := t.TempDir(), filepath.Join(t.TempDir(), "output")
	out, err := os.Create(output)
	require.NoError(t, err)
	defer out.Close()
	cmd := exec.Command("sh", filepath.Join(root, "redis/start-sentinel.sh"))
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "LOG_DIR=" + kept, "NODE_NAME=sentinel-1", "NODE_ADDRESS=" + prefix + ".8", "DATA_DIR=" + t.TempDir(),
		"REDIS_NODES=" + prefix + ".5", "REDIS_MASTER_NAME=evergreen", "SENTINEL_DOWN_AFTER_MS=2000", "REDIS_ADMIN_USER=operator",
		"REDIS_ADMIN_PASSWORD=a", "REDIS_API_PASSWORD=b", "REDIS_EXPORTER_PASSWORD=c", "REDIS_SENTINEL_PASSWORD=d", "REDIS_BOOT_PASSWORD=e",
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	for _, path := range []string{filepath.Join(kept, "sentinel-1.log"), output} {
		require.Eventually(t, func() bool { return strings.Contains(read(path), "+monitor master evergreen") },
			20*time.Second, 20*time.Millisecond, "%s", path)
	}
	texttest.NotContains(t, read(output), "unmatched pid", "it knows its children")
}

// keeping is a shell that has sourced common.sh, like a start script.
type keeping struct {
	path string // of its output
	in   *os.File
}

func startKeeping(t *testing.T, dir, script string) *keeping {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	k := &keeping{path: filepath.Join(t.TempDir(), "output")}
	output, err := os.Create(k.path)
	require.NoError(t, err)
	defer output.Close()
	in, out, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	k.in = out
	cmd := exec.Command("sh", "-eu", "-c", ". "+filepath.Join(root, "redis/common.sh")+"; keep_log; "+script)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LOG_DIR=" + dir, "NODE_NAME=redis-1", "LOG_LOOK_EVERY=0.1"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = out.Close()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	return k
}

func (k *keeping) says(t *testing.T, line string) {
	t.Helper()
	_, err := k.in.WriteString(line + "\n")
	require.NoError(t, err)
}

func read(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}
