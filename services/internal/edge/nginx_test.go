package edge

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// patience bounds every wait for a condition; what we wait for usually takes milliseconds.
const patience = 10 * time.Second

// edge is one rendered configuration, the replicas behind it and a client in front.
type edge struct {
	t        *testing.T
	net      string
	dir      string
	settings map[string]string
	edits    [][2]string
	replicas []*replica
	client   *http.Client
	// owner is who nginx is started as; nil is who runs the tests.
	owner *syscall.Credential
}

// option changes what newEdge renders.
type option func(*edge)

// with sets a placeholder.
func with(name, value string) option {
	return func(e *edge) { e.settings[name] = value }
}

// perSecond sets how many requests per second one address may send.
func perSecond(requests int) option {
	return func(e *edge) { maps.Copy(e.settings, stack.EdgeRates(requests)) }
}

// behind sets how many replicas there are, instead of two.
func behind(replicas int) option {
	return func(e *edge) { e.replicas = make([]*replica, replicas) }
}

// replacing edits the rendered text, for values such as time-outs that are no setting. The old text must be there.
func replacing(old, text string) option {
	return func(e *edge) { e.edits = append(e.edits, [2]string{old, text}) }
}

// startEdge starts nginx-a in front of healthy replicas, two unless it is said otherwise.
func startEdge(t *testing.T, options ...option) *edge {
	t.Helper()
	e := newEdge(t, options...)
	e.startNginx("nginx-a")
	return e
}

// newEdge starts the replicas alone.
func newEdge(t *testing.T, options ...option) *edge {
	t.Helper()
	e := &edge{
		t: t, net: freePrefix(t), dir: t.TempDir(), settings: stack.EdgeRates(100_000), replicas: make([]*replica, 2),
	}
	e.settings["EDGE_CONNECTIONS"], e.settings["EXTRA_LISTEN"] = "1000", ""
	for _, o := range options {
		o(e)
	}
	for i := range e.replicas {
		e.replicas[i] = startReplica(t, fmt.Sprintf("api-%d", i+1), stack.APIAddress(e.net, i+1)+":5000")
	}
	e.settings["API_SERVERS"], e.settings["API_BACKUPS"] = stack.APIServers(e.net, len(e.replicas))
	e.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: 2 * patience}
	t.Cleanup(e.client.CloseIdleConnections)
	return e
}

// freePrefix finds three octets on which nothing listens where nginx will.
func freePrefix(t *testing.T) string {
	t.Helper()
	for range 100 {
		prefix := fmt.Sprintf("127.%d.%d", 200+rand.IntN(51), rand.IntN(256))
		if l, err := net.Listen("tcp", prefix+".4:8080"); err == nil {
			require.NoError(t, l.Close())
			return prefix
		}
	}
	t.Fatal("no free loopback prefix after 100 tries")
	return ""
}

// render writes the templates as one nginx of the pair gets them, and returns the path of its nginx.conf.
func (e *edge) render(name string) string {
	e.t.Helper()
	dir := filepath.Join(e.dir, name)
	require.NoError(e.t, os.MkdirAll(dir, 0o755))
	for file, text := range e.rendered(name, dir) {
		require.NoError(e.t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644))
	}
	return filepath.Join(dir, "nginx.conf")
}

// rendered is what the templates say to one nginx of the pair that runs in dir, by file.
func (e *edge) rendered(name, dir string) map[string]string {
	e.t.Helper()
	me, err := user.Current()
	require.NoError(e.t, err)
	settings := map[string]string{
		"NET": e.net, "NGINX_NAME": name, "NGINX_RUN_DIR": dir, "NGINX_LOG_DIR": dir, "NGINX_USER": me.Username,
		"STATUS_PORT": map[string]string{"nginx-a": "8081", "nginx-b": "8082"}[name],
	}
	maps.Copy(settings, e.settings)
	templates, err := filepath.Glob("../../../nginx/*.template")
	require.NoError(e.t, err)
	all := map[string]string{}
	for _, path := range templates {
		text, err := os.ReadFile(path)
		require.NoError(e.t, err)
		rendered, err := stack.Render(string(text), settings)
		require.NoError(e.t, err)
		all[strings.TrimSuffix(filepath.Base(path), ".template")] = rendered
	}
	edit(e.t, all, e.edits)
	return all
}

// edit applies each edit to the one file that has its old text.
func edit(t *testing.T, files map[string]string, edits [][2]string) {
	t.Helper()
	for _, change := range edits {
		found := 0
		for name, text := range files {
			if strings.Contains(text, change[0]) {
				files[name] = strings.ReplaceAll(text, change[0], change[1])
				found++
			}
		}
		require.Equal(t, 1, found, "files that hold %q", change[0])
	}
}

// startNginx starts one of the pair, waits until it answers, and ends it with the test.
func (e *edge) startNginx(name string) *exec.Cmd {
	e.t.Helper()
	cmd := exec.Command(nginxBinary(), "-e", "stderr", "-c", e.render(name), "-g", "daemon off;")
	cmd.Stderr = os.Stderr
	e.run(cmd)
	e.waitFor(name)
	return cmd
}

// run starts a program as the leader of a group, so that nginx's workers can be killed with their master. The signal is
// for a test that panics: nothing outlives it.
func (e *edge) run(cmd *exec.Cmd) {
	e.t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM, Credential: e.owner}
	require.NoError(e.t, cmd.Start())
	e.t.Cleanup(func() { killGroup(cmd) })
}

func (e *edge) waitFor(name string) {
	e.t.Helper()
	e.eventually(func() bool {
		status, _, err := e.get(e.status(name, "/healthz"))
		return err == nil && status == http.StatusOK
	}, name+" answers")
}

// nginxBinary looks where Debian puts it too, which is not on the path of every user.
func nginxBinary() string {
	if path, err := exec.LookPath("nginx"); err == nil {
		return path
	}
	return "/usr/sbin/nginx"
}

// killGroup kills a master with its workers and waits; a second call does nothing.
func killGroup(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}
}

func (e *edge) url(path string) string { return "http://" + e.net + ".4:8080" + path }

func (e *edge) status(name, path string) string {
	port := map[string]string{"nginx-a": "8081", "nginx-b": "8082"}[name]
	return "http://" + e.net + ".4:" + port + path
}

// get fetches one page on a connection of its own.
func (e *edge) get(url string) (status int, body string, err error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// answer is what a client got, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends one request through nginx; headers come in pairs. A broken connection fails the test.
func (e *edge) send(method, path, body string, headers ...string) answer {
	e.t.Helper()
	a, err := e.trySend(method, path, body, headers...)
	require.NoError(e.t, err)
	return a
}

func (e *edge) trySend(method, path, body string, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(context.Background(), method, e.url(path), strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := e.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// sendRaw sends bytes that Go's client would refuse to send.
func (e *edge) sendRaw(t *testing.T, text string) answer {
	t.Helper()
	connection, err := net.Dial("tcp", e.net+".4:8080")
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, connection.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(connection, text)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}

func (e *edge) eventually(condition func() bool, what string) {
	e.t.Helper()
	require.Eventually(e.t, condition, patience, 10*time.Millisecond, what)
}
