package rollback

import (
	"bufio"
	"bytes"
	"context"
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

	"evergreen/services/internal/release"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// stray is an API process that no supervisor knows.
type stray struct {
	cmd *exec.Cmd
	api string
}

// strayHost is the last octet of its address; the stack does not use it.
const strayHost = 200

// startStray starts a program with the stack's settings and waits until it is ready.
func startStray(t *testing.T, s *stack.Stack, program string) stray {
	t.Helper()
	host := fmt.Sprintf("%s.%d", s.Net, strayHost)
	r := stray{api: host + ":5000", cmd: exec.CommandContext(context.WithoutCancel(t.Context()), program)}
	log := new(bytes.Buffer)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = t.TempDir(), log, log
	r.cmd.Env = append(os.Environ(), "HOST="+host, "PORT=5000", "METRICS_PORT=9100", "REPLICA_NAME=stray",
		"REDIS_SENTINEL="+strings.Join(s.Sentinels(), ","), "REDIS_PASSWORD="+s.Setting("REDIS_API_PASSWORD"))
	for _, name := range []string{"REDIS_MASTER_NAME", "SECRET_KEY", "ADMIN_EMAIL", "ADMIN_PASSWORD"} {
		r.cmd.Env = append(r.cmd.Env, name+"="+s.Setting(name))
	}
	require.NoError(t, r.cmd.Start())
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		if t.Failed() {
			t.Logf("the stray process said:\n%s", log)
		}
	})
	require.Eventually(t, func() bool {
		answer, err := http.Get("http://" + host + ":9100/readyz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, generous, 50*time.Millisecond)
	return r
}

// freeze stops the process, and returns when each of its threads stands still: until then it could do the whole purchase.
func (r stray) freeze(t *testing.T) {
	t.Helper()
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGSTOP))
	require.Eventually(t, func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", r.cmd.Process.Pid))
		require.NoError(t, err)
		for _, thread := range threads {
			stat, _ := os.ReadFile(thread)
			if _, state, _ := strings.Cut(string(stat), ") "); !strings.HasPrefix(state, "T") {
				return false
			}
		}
		return len(threads) > 0
	}, generous, time.Millisecond)
}

// beginPurchase sends the head of a purchase and half of its body.
func (r stray) beginPurchase(t *testing.T, customer *shoptest.Client, product string) (conn net.Conn, rest string) {
	t.Helper()
	conn, err := net.Dial("tcp", r.api)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	body := fmt.Sprintf(`{"items":[{"product_id":%q,"quantity":3}]}`, product)
	_, err = fmt.Fprintf(conn, "POST /v1/purchases HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Idempotency-Key: for-%s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", r.api, customer.Token(), product, len(body), body[:10])
	require.NoError(t, err)
	return conn, body[10:]
}

// An older replica stands still in the middle of a purchase while the upgrade is
// finished. The rest of the purchase waits for it; then it wakes up.
func TestAnOlderReplicaThatWakesAfterTheFinishChangesNothing(t *testing.T) {
	t.Parallel()
	before, now := programs(t, release.Previous)
	s := stack.StartT(t, stack.Options{APIBinary: now, Settings: fromLayout1()})
	admin := shoptest.Admin(t, s)
	customer, _ := shoptest.Customer(t, admin)
	old := startStray(t, s, before)
	for _, finished := range []bool{false, true} {
		product := shoptest.Product(t, admin, 10)
		conn, rest := old.beginPurchase(t, customer, product)
		old.freeze(t)
		_, err := io.WriteString(conn, rest)
		require.NoError(t, err)
		if finished {
			finish(t, s)
		}
		require.NoError(t, old.cmd.Process.Signal(syscall.SIGCONT))
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(generous)))
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if !finished {
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, http.StatusCreated, answer.StatusCode, "the same without the finish")
			require.EqualValues(t, 7, shoptest.LedgerOf(t, admin, product).Stock)
			continue
		}
		if err == nil {
			require.NoError(t, answer.Body.Close())
			require.GreaterOrEqual(t, answer.StatusCode, 500, "its answer is no success")
		}
		require.EqualValues(t, 10, shoptest.LedgerOf(t, admin, product).Stock)
	}
	require.Len(t, shoptest.Purchases(t, customer, "/v1/purchases?limit=100"), 1)
	require.NoError(t, accessTo(t, s).LockedOut(t.Context(), 3))
}
