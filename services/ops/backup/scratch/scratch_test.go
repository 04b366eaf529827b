package scratch

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// data makes a directory as Redis does, with the commands in one increment.
func data(t *testing.T, commands string) string {
	t.Helper()
	dir := t.TempDir()
	files := filepath.Join(dir, "appendonlydir")
	require.NoError(t, os.Mkdir(files, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(files, "appendonly.aof.1.incr.aof"), []byte(commands), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(files, "appendonly.aof.manifest"),
		[]byte("file appendonly.aof.1.incr.aof seq 1 type i\n"), 0o644))
	return dir
}

func set(key, value string) string {
	return fmt.Sprintf("*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(key), key, len(value), value)
}

func TestAScratchServerHasTheDataAndEndsWithStop(t *testing.T) {
	t.Parallel()
	dir := data(t, set("evg:commit:seq", "7"))
	before, err := os.ReadFile(filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof"))
	require.NoError(t, err)
	s, err := Start(t.Context(), dir, Limits{})
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	value, _, err := s.Node().Get(t.Context(), "evg:commit:seq")
	require.NoError(t, err)
	require.Equal(t, "7", value)

	_, err = s.Node().Do(t.Context(), "SET", "a", "b")
	require.NoError(t, err)
	priority, err := syscall.Getpriority(syscall.PRIO_PROCESS, s.process.Pid)
	require.NoError(t, err)
	require.Equal(t, 20-lowest, priority, "the system call gives 20 less the nice value")
	first, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", s.process.Pid))
	require.NoError(t, err)
	require.Equal(t, "1000\n", string(first))
	s.Stop()
	require.ErrorIs(t, syscall.Kill(s.process.Pid, 0), syscall.ESRCH)
	after, err := os.ReadFile(filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof"))
	require.NoError(t, err)
	require.Equal(t, before, after, "what is written on the scratch server goes to no file")
}

func TestWithoutRoomInMemoryNothingIsStarted(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), data(t, set("a", "b")), Limits{MemoryBytes: 1 << 20})
	require.ErrorIs(t, err, ErrNoRoom)
	_, err = Start(t.Context(), data(t, set("a", "b")), Limits{NeedBytes: 1 << 50})
	require.ErrorIs(t, err, ErrNoRoom)
}

func TestAServerThatNeedsMoreThanItsLimitIsEnded(t *testing.T) {
	t.Parallel()
	var commands strings.Builder
	for i := range 600_000 { // far more memory than bytes in the file
		commands.WriteString("*2\r\n$4\r\nINCR\r\n$9\r\n" + fmt.Sprintf("k%08d", i) + "\r\n")
	}
	_, err := Start(t.Context(), data(t, commands.String()), Limits{MemoryBytes: 42 << 20, NeedBytes: 1})
	require.ErrorIs(t, err, ErrNoRoom)
	require.ErrorContains(t, err, "so far")
}

func TestFilesThatRedisCannotReadAreNamed(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{
		"no manifest": t.TempDir(),
		"cut off":     data(t, set("a", "b")+"*3\r\n$3\r\nSE"),
		"other bytes": data(t, set("a", "b")+"what is this"),
	} {
		_, err := Start(t.Context(), dir, Limits{})
		require.ErrorIs(t, err, ErrUnreadable, name)
	}
}

func TestHardLinksAreRefused(t *testing.T) {
	t.Parallel()
	dir := data(t, set("a", "b"))
	require.NoError(t, os.Link(filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof"), filepath.Join(dir, "other")))
	_, err := Start(t.Context(), dir, Limits{})
	require.ErrorContains(t, err, "hard link")
}

func TestTheServerEndsWhenItsProgramIsKilled(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("SCRATCH_TEST_DIR")
	if dir != "" { // the program that is killed
		s, err := Start(context.Background(), dir, Limits{})
		require.NoError(t, err)
		fmt.Println("pid", s.process.Pid)
		select {}
	}
	dir = data(t, set("a", "b"))
	program := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	program.Env = append(os.Environ(), "SCRATCH_TEST_DIR="+dir)
	out, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	t.Cleanup(func() { _ = program.Process.Kill(); _ = program.Wait() })
	pid := readPID(t, out)
	require.NoError(t, syscall.Kill(pid, 0))
	require.NoError(t, program.Process.Kill())
	require.Eventually(t, func() bool {
		state, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		return err != nil || strings.Contains(string(state), ") Z ")
	}, 10*time.Second, 10*time.Millisecond)
}

func readPID(t *testing.T, out interface{ Read([]byte) (int, error) }) int {
	t.Helper()
	var text strings.Builder
	buffer := make([]byte, 256)
	for {
		n, err := out.Read(buffer)
		text.Write(buffer[:n])
		if _, after, found := strings.Cut(text.String(), "pid "); found && strings.Contains(after, "\n") {
			pid, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(after, "\n", 2)[0]))
			require.NoError(t, err)
			return pid
		}
		require.NoError(t, err, text.String())
	}
}

func TestAScratchServerGetsNothingOfTheEnvironment(t *testing.T) {
	t.Setenv("PRIVATE_KEY_OF_THIS_TEST", "secret")
	dir := data(t, set("a", "b"))
	program := filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\nenv > \"$0.env\"\nexec redis-server \"$@\"\n"), 0o700))
	s, err := Start(t.Context(), dir, Limits{Program: program})
	require.NoError(t, err)
	s.Stop()
	environment, err := os.ReadFile(program + ".env")
	require.NoError(t, err)
	require.Contains(t, string(environment), "PATH=")
	require.NotContains(t, string(environment), "PRIVATE_KEY_OF_THIS_TEST")
}
