package faults_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

func TestADrainingReplicaFinishesWhatIsInFlightAndExitsWithZero(t *testing.T) {
	shop, admin := whole(t)
	product := shoptest.Product(t, admin, 10)
	order, err := json.Marshal(shoptest.Order(product, 1))
	require.NoError(t, err)
	// What keeps the request in flight, and what then lets it go on.
	for name, hold := range map[string]func(t *testing.T, r *replica) (release func()){
		"a body that is still coming": func(t *testing.T, r *replica) func() {
			t.Helper()
			r.send(t, admin, order, len(order)/2)
			return func() { r.write(t, order[len(order)/2:]) }
		},
		"a write that Redis holds": func(t *testing.T, r *replica) func() {
			t.Helper()
			primary, _ := roles(t, shop)
			require.NoError(t, primary.Pause())
			t.Cleanup(func() { _ = primary.Resume() })
			r.send(t, admin, order, len(order))
			return func() { require.NoError(t, primary.Resume()) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := startReplica(t, shop)
			release := hold(t, r)
			await(t, 10*time.Second, "the request is in flight", func() bool {
				_, metrics := r.ask(t, "/metrics")
				return strings.Contains(metrics, "shop_http_requests_in_flight 1\n")
			})
			require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
			await(t, 10*time.Second, "/readyz is 503", func() bool {
				status, said := r.ask(t, "/readyz")
				return status == http.StatusServiceUnavailable && said == "draining\n"
			})
			await(t, 10*time.Second, "new connections are refused", func() bool {
				early, err := net.DialTimeout("tcp", r.api, time.Second)
				if err == nil {
					// Left open it would be waited for: a server that shuts down gives
					// a new connection 5 s to send its first request.
					_ = early.Close()
				}
				return err != nil
			})
			require.Empty(t, r.ended, "it waits for the request")
			release()

			answer, err := http.ReadResponse(bufio.NewReader(r.conn), nil)
			require.NoError(t, err)
			defer func() { _ = answer.Body.Close() }()
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusCreated, answer.StatusCode, "%s", body)
			require.True(t, answer.Close, "it says that the connection ends")
			select {
			case err := <-r.ended:
				require.NoError(t, err, "the exit status")
			case <-time.After(5 * time.Second):
				require.Fail(t, "it does not end")
			}
			admin.Want(t, http.StatusOK, "GET", answer.Header.Get("Location"), nil)
		})
	}
	require.EqualValues(t, 2, shoptest.LedgerOf(t, admin, product).Sold)
}

// replica is an API process of the test's own beside the stack's two, because
// only a parent learns an exit status; nginx does not know it.
type replica struct {
	api, health string // host:port
	cmd         *exec.Cmd
	log         bytes.Buffer
	ended       chan error // its exit status, once
	conn        net.Conn   // what send opened
}

// replicaHost is the last octet of its address; the stack does not use it.
const replicaHost = 200

// startReplica starts one with the stack's settings and waits until it is ready.
func startReplica(t *testing.T, s *stack.Stack) *replica {
	t.Helper()
	host := fmt.Sprintf("%s.%d", s.Net, replicaHost)
	r := &replica{api: host + ":5000", health: host + ":9100", ended: make(chan error, 1)}
	r.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(s.Dir(), "api"))
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = t.TempDir(), &r.log, &r.log
	r.cmd.Env = append(os.Environ(), "HOST="+host, "PORT=5000", "METRICS_PORT=9100", "REPLICA_NAME=api-draining",
		"REDIS_SENTINEL="+strings.Join(s.Sentinels(), ","), "REDIS_PASSWORD="+s.Setting("REDIS_API_PASSWORD"))
	for _, name := range []string{"REDIS_MASTER_NAME", "SECRET_KEY", "ADMIN_EMAIL", "ADMIN_PASSWORD"} {
		r.cmd.Env = append(r.cmd.Env, name+"="+s.Setting(name))
	}
	require.NoError(t, r.cmd.Start())
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		r.ended <- r.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-waited
		if t.Failed() {
			t.Logf("what the replica said:\n%s", r.log.String())
		}
	})
	await(t, 10*time.Second, "it is ready", func() bool { status, _ := r.ask(t, "/readyz"); return status == http.StatusOK })
	return r
}

// send begins a purchase and sends the first n bytes of its body.
func (r *replica) send(t *testing.T, buyer *shoptest.Client, body []byte, n int) {
	t.Helper()
	var err error
	r.conn, err = net.Dial("tcp", r.api)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.conn.Close() })
	require.NoError(t, r.conn.SetDeadline(time.Now().Add(15*time.Second)))
	r.write(t, fmt.Appendf(nil, "POST /v1/purchases HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", buyer.Token(), len(body), body[:n]))
}

func (r *replica) write(t *testing.T, text []byte) {
	t.Helper()
	_, err := r.conn.Write(text)
	require.NoError(t, err)
}

// ask reads a path of the health port; without an answer the status is 0.
func (r *replica) ask(t *testing.T, path string) (status int, body string) {
	t.Helper()
	a, err := shoptest.New("http://"+r.health).NewConnections().Try(t.Context(), "GET", path, nil)
	if err != nil {
		return 0, ""
	}
	return a.Status, string(a.Body)
}
