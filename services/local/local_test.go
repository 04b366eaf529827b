package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/release"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// clone is a directory that looks like a fresh clone, the built command, and a
// prefix to use it on.
type clone struct{ root, command, net string }

// All shops run from one clone, as somebody may do with NET; so the API is built
// once.
func TestMakeUp(t *testing.T) {
	t.Parallel()
	c := freshClone(t)
	for name, test := range map[string]func(*testing.T, clone){
		"the shop opens, sells and closes again":                           opensSellsAndCloses,
		"nothing outlives a shop that is killed, and it opens again":       nothingOutlivesIt,
		"a shop that is interrupted while it opens leaves nothing running": interruptedWhileOpening,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var err error
			c := c
			c.net, err = stack.PrivateNet()
			require.NoError(t, err)
			test(t, c)
		})
	}
}

func freshClone(t *testing.T) clone {
	t.Helper()
	repository, err := stack.Root()
	require.NoError(t, err)
	c := clone{root: t.TempDir(), command: filepath.Join(t.TempDir(), "local")}
	for _, name := range []string{"go.mod", "go.sum", ".env.example", "services"} {
		require.NoError(t, os.Symlink(filepath.Join(repository, name), filepath.Join(c.root, name)))
	}
	for _, name := range []string{"redis", "nginx", "prometheus", "grafana"} {
		require.NoError(t, os.CopyFS(filepath.Join(c.root, name), os.DirFS(filepath.Join(repository, name))))
	}
	build, err := exec.Command("go", "build", "-o", c.command, ".").CombinedOutput()
	require.NoError(t, err, string(build))
	return c
}

// call runs one subcommand to its end.
func (c clone) call(t *testing.T, stdin string, args ...string) (output string, code int) {
	t.Helper()
	cmd := exec.Command(c.command, append([]string{"-net", c.net}, args...)...)
	cmd.Dir, cmd.Stdin = c.root, strings.NewReader(stdin)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// shop is a running `make up`.
type shop struct {
	cmd    *exec.Cmd
	output *lockedBuffer
	ended  chan struct{}
}

func (c clone) up(t *testing.T) *shop {
	t.Helper()
	s := &shop{cmd: exec.Command(c.command, "-net", c.net, "up"), output: &lockedBuffer{}, ended: make(chan struct{})}
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = c.root, s.output, s.output
	require.NoError(t, s.cmd.Start())
	go func() { _ = s.cmd.Wait(); close(s.ended) }()
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); <-s.ended })
	require.Eventually(t, func() bool {
		return strings.Contains(s.output.String(), "The shop is open") || s.over()
	}, 2*time.Minute, 50*time.Millisecond)
	require.False(t, s.over(), s.output.String())
	return s
}

func (s *shop) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func opensSellsAndCloses(t *testing.T, c clone) {
	t.Helper()
	s := c.up(t)
	password := envOf(t, c.root, "ADMIN_PASSWORD")
	texttest.NotContains(t, s.output.String(), password)
	texttest.Contains(t, s.output.String(), "version "+release.Version+";")
	answer, err := http.Get("http://" + c.net + ".4:8080/v1/products")
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)

	out, code := c.call(t, "", "status")
	require.Zero(t, code, out)
	texttest.Contains(t, out, "The shop can sell. The primary is redis-1.")
	texttest.Matches(t, out, `(?m)^alertmanager +\S+:9093 +\d+ +up\b`)
	texttest.Contains(t, s.output.String(), "its mails stay in "+filepath.Join(c.root, ".data", c.net, "mail"))
	texttest.Matches(t, s.output.String(), `(?m)^  Grafana       (http://\S+:3000|not on this machine, .*https://\S+.*)$`)
	out, code = c.call(t, "", "handover")
	require.Zero(t, code, out)
	texttest.Contains(t, out, "both other nodes follow it, and the three Sentinels agree\n")
	out, code = c.call(t, "", "status")
	require.Zero(t, code, out)
	texttest.NotContains(t, out, "The primary is redis-1.")
	c.logsOf(t)

	out, code = c.call(t, "", "up")
	require.Equal(t, 1, code)
	texttest.Contains(t, out, "held by pid "+strconv.Itoa(s.cmd.Process.Pid)+" in "+filepath.Join(c.root, ".data", c.net))
	out, code = c.call(t, "", "-yes", "clean")
	require.Equal(t, 1, code)
	texttest.Contains(t, out, "held by pid")

	began := time.Now()
	require.NoError(t, s.cmd.Process.Signal(os.Interrupt))
	<-s.ended
	require.Less(t, time.Since(began), 30*time.Second)
	require.Zero(t, s.cmd.ProcessState.ExitCode(), s.output.String())
	texttest.NotContains(t, s.output.String(), "is started again")
	texttest.NotContains(t, s.output.String(), "killed, for it did not end")
	requireNobodyListens(t, c.net)

	out, code = c.call(t, "", "status")
	require.Equal(t, 1, code)
	texttest.Contains(t, out, "The shop cannot sell")
	out, code = c.call(t, "", "handover")
	require.Equal(t, 1, code)
	texttest.Contains(t, out, "refused, and nothing was changed: sentinel-1: ")
	c.cleanUp(t)
}

// cleanUp holds `make clean` to asking first.
func (c clone) cleanUp(t *testing.T) {
	t.Helper()
	data := filepath.Join(c.root, ".data", c.net)
	out, code := c.call(t, "n\n", "clean")
	require.Equal(t, 1, code)
	texttest.Contains(t, out, "[y/N]")
	require.DirExists(t, data)
	out, code = c.call(t, "y\n", "clean")
	require.Zero(t, code, out)
	require.NoDirExists(t, data)
	_, code = c.call(t, "", "clean")
	require.Zero(t, code, "nothing to remove is no failure")
}

func nothingOutlivesIt(t *testing.T, c clone) {
	t.Helper()
	s := c.up(t)
	require.NoError(t, s.cmd.Process.Kill())
	<-s.ended
	requireNobodyListens(t, c.net)

	s = c.up(t)
	require.NoError(t, s.cmd.Process.Signal(os.Interrupt))
	<-s.ended
	require.Zero(t, s.cmd.ProcessState.ExitCode(), s.output.String())
}

func interruptedWhileOpening(t *testing.T, c clone) {
	t.Helper()
	cmd := exec.Command(c.command, "-net", c.net, "up")
	var output lockedBuffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.root, &output, &output
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return listens(c.net + ".8:26379") }, time.Minute, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait()
	require.Equal(t, 1, cmd.ProcessState.ExitCode())
	texttest.Contains(t, output.String(), "stopped before the shop was open")
	requireNobodyListens(t, c.net)
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{
		"": 2, "sell": 2, "up status": 2, "-no-such up": 2,
		"mail": 2, "mail somewhere": 2, "mail nowhere/in/particular": 2, "mail 127.0.0.1:99999 /nowhere/at/all": 1,
		"-net 10.0.0 up": 1, "-net 127.20 status": 1, "-net 127.1.1/../.. clean": 1,
	} {
		var out bytes.Buffer
		require.Equal(t, want, run(context.Background(), strings.Fields(args), strings.NewReader(""), &out, &out), args)
		require.NotEmpty(t, out.String(), args)
	}
}

func requireNobodyListens(t *testing.T, prefix string) {
	t.Helper()
	for _, rest := range []string{".2:5000", ".3:9100", ".4:8080", ".4:8082", ".5:6379", ".6:6379", ".7:6379", ".9:26379", ".11:9090", ".13:9121", ".14:9113", ".15:9093", ".18:9101", ".20:1025"} {
		require.Eventually(t, func() bool { return !listens(prefix + rest) }, 5*time.Second, 20*time.Millisecond, rest)
	}
}

func listens(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

func envOf(t *testing.T, root, name string) string {
	t.Helper()
	settings, err := stack.LoadSettings(root, func(string) string { return "" })
	require.NoError(t, err)
	return settings[name]
}

// lockedBuffer may be read while a process still writes to it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
