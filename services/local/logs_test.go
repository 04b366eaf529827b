package main

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// logsOf holds `make logs` to what it promises of a shop that runs.
func (c clone) logsOf(t *testing.T) {
	t.Helper()
	answer, err := http.Get("http://" + c.net + ".4:8080/v1/products/none")
	require.NoError(t, err)
	answer.Body.Close()
	request := answer.Header.Get("X-Request-Id")
	var out string
	require.Eventually(t, func() bool {
		var code int
		out, code = c.call(t, "", "-request", request, "logs")
		return code == 0 && strings.Contains(out, " nginx-") && strings.Contains(out, " api-")
	}, 10*time.Second, 100*time.Millisecond, "%s", &out)
	texttest.Contains(t, out, "request "+request)
	texttest.Contains(t, out, "code=bad-parameter")
	texttest.Matches(t, out, `it has left no event \(\d+ events at redis-\d\)`)

	out, code := c.call(t, "", "-request", "deadbeef", "logs")
	require.Equal(t, 1, code)
	texttest.Contains(t, out, "nothing was found about the request deadbeef")
	texttest.Contains(t, out, "logs/api-1.log, from ")
	for argument, complaint := range map[string]string{"-service=radis": "SERVICE=radis: there are ", "-level=loud": "LEVEL=loud: it is "} {
		out, code = c.call(t, "", argument, "logs")
		require.Equal(t, 1, code)
		texttest.Contains(t, out, complaint)
	}
	c.followsUntilInterrupted(t, request)
}

func (c clone) followsUntilInterrupted(t *testing.T, request string) {
	t.Helper()
	var output lockedBuffer
	cmd := exec.Command(c.command, "-net", c.net, "-service", "api,redis-1", "logs")
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.root, &output, &output
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.Eventually(t, func() bool {
		return strings.Contains(output.String(), "request_id="+request) && strings.Contains(output.String(), " redis-1 ")
	}, 10*time.Second, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Wait(), "Ctrl-C is how it ends")
	texttest.NotContains(t, output.String(), "nginx-")
	texttest.NotContains(t, output.String(), "\x1b", "this is no terminal")
}
