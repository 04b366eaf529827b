package edge

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// replicaAddress names the variable that makes this test program serve as a replica, in a process that can be killed.
const replicaAddress = "EDGE_TEST_REPLICA"

func TestMain(m *testing.M) {
	if address := os.Getenv(replicaAddress); address != "" {
		// It takes a while for each answer, so that some are always in flight.
		fmt.Fprintln(os.Stderr, http.ListenAndServe(address, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			<-time.After(5 * time.Millisecond)
		})))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// replaceByProcess puts a process of its own in the place of a replica.
func (e *edge) replaceByProcess(r *replica) *os.Process {
	e.t.Helper()
	r.stop()
	program, err := os.Executable()
	require.NoError(e.t, err)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), replicaAddress+"="+r.address)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	require.NoError(e.t, cmd.Start())
	e.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	e.eventually(func() bool {
		_, _, err := e.get("http://" + r.address)
		return err == nil
	}, r.name+" listens")
	return cmd.Process
}

func TestAReplicaProcessThatIsKilledOrFrozenUnderLoadFailsNoRequest(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(signal.String(), func(t *testing.T) {
			e := startEdge(t, replacing("proxy_read_timeout 12s", "proxy_read_timeout 500ms"))
			process := e.replaceByProcess(e.replicas[0])
			var sent, failed atomic.Int64
			var clients sync.WaitGroup
			stop := make(chan struct{})
			for range 8 {
				clients.Go(func() {
					for open := true; open; {
						if got, err := e.trySend("POST", "/v1/purchases", "{}"); err != nil || got.status != http.StatusOK {
							failed.Add(1)
						}
						sent.Add(1)
						select {
						case <-stop:
							open = false
						default:
						}
					}
				})
			}
			e.eventually(func() bool { return sent.Load() > 200 }, "load before")
			require.NoError(t, process.Signal(signal))
			after := sent.Load()
			e.eventually(func() bool { return sent.Load() > after+500 }, "load after")
			close(stop)
			clients.Wait()
			require.Zero(t, failed.Load(), "of %d requests", sent.Load())
		})
	}
}

func TestTheContainerScriptRendersAndStartsTheSameConfiguration(t *testing.T) {
	for _, replicas := range []int{2, 4} {
		t.Run(fmt.Sprint(replicas, " replicas"), func(t *testing.T) { startsByTheScript(t, replicas) })
	}
}

func startsByTheScript(t *testing.T, replicas int) {
	t.Helper()
	e := newEdge(t, behind(replicas), perSecond(1), with("EDGE_CONNECTIONS", "10"))
	output := e.startByTheScript("RATE_EDGE_PER_SECOND=1", "API_REPLICAS="+strconv.Itoa(replicas))

	for file, text := range e.rendered("nginx-a", e.dir) {
		written, err := os.ReadFile(filepath.Join(e.dir, file))
		require.NoError(t, err)
		require.Equal(t, text, string(written), "%s is what `make up` makes of it", file)
	}
	for range 3 {
		require.Equal(t, http.StatusOK, e.send("GET", "/v1/products/1", "").status, "the burst is twice the rate")
	}
	require.Equal(t, http.StatusTooManyRequests, e.send("GET", "/v1/products/1", "").status)
	e.eventually(func() bool {
		logged, err := os.ReadFile(output)
		return err == nil && strings.Contains(string(logged), `"status":429`)
	}, "the access log is the container's output")
}

// startByTheScript starts nginx-a as a container does, and gives the file with what it prints.
func (e *edge) startByTheScript(settings ...string) (output string) {
	e.t.Helper()
	me, err := user.Current()
	require.NoError(e.t, err)
	cmd := exec.Command("sh", "../../../nginx/start-nginx.sh")
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin", "NGINX_RUN_DIR=" + e.dir, "NET=" + e.net, "NGINX_NAME=nginx-a",
		"STATUS_PORT=8081", "EDGE_CONNECTIONS=10", "NGINX_USER=" + me.Username,
	}, settings...)
	file, err := os.Create(filepath.Join(e.t.TempDir(), "output"))
	require.NoError(e.t, err)
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	e.run(cmd)
	e.waitFor("nginx-a")
	return file.Name()
}

func TestItRunsWithoutRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("then every other test shows it")
	}
	const nobody = 65534
	e := newEdge(t, with("NGINX_USER", "nobody"))
	e.owner = &syscall.Credential{Uid: nobody, Gid: nobody}
	// nginx makes its files here; the folders above belong to root alone.
	require.NoError(t, os.Chmod(filepath.Dir(e.dir), 0o755))
	dir := filepath.Join(e.dir, "nginx-a")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.Chown(dir, nobody, nobody))
	e.startNginx("nginx-a")
	require.Equal(t, http.StatusOK, e.send("POST", "/v1/purchases", string(make([]byte, 100_000))).status)
}
