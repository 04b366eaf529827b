package replay_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/replay"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

func TestThePrimaryIsKilledInTheMiddle(t *testing.T) {
	s := private(t, nil)
	kill := func() { require.NoError(t, s.Process(primary(t, s)).Kill()) }
	t.Log(requireSmall(t, s, &meter{phase: "sales", half: kill}))
	require.NoError(t, s.Up(t.Context()), "the killed one comes back")

	t.Run("of a real shop's invoices", func(t *testing.T) {
		requireReal(t, s, &meter{phase: "sales", half: kill})
	})
}

func TestBothReplicasAreRestartedAtOnceInTheMiddle(t *testing.T) {
	s := private(t, nil)
	restart := func() {
		both, ctx := errgroup.WithContext(t.Context())
		for _, name := range []string{"api-1", "api-2"} {
			both.Go(func() error { return s.Process(name).Restart(ctx) })
		}
		require.NoError(t, both.Wait())
	}
	t.Log(requireSmall(t, s, &meter{phase: "products", half: restart}))

	t.Run("of a real shop's invoices", func(t *testing.T) {
		requireReal(t, s, &meter{phase: "sales", half: restart})
	})
}

func TestTheRunItselfIsKilledAgainAndAgain(t *testing.T) {
	program := filepath.Join(t.TempDir(), "replay")
	built, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "evergreen/services/replay").CombinedOutput()
	require.NoError(t, err, "%s", built)
	s := private(t, nil)
	for _, at := range []string{
		"customers: 2 of 7", "customers: 6 of 7", "products: 7 of 14", "sales: 2 of 8", "sales: 5 of 8", "refunds: 3 of 7",
		"adjustments: 3 of 6", "ledgers checked: 2 of 14",
	} {
		killAt(t, s, program, at)
	}
	cmd := command(t, s, program)
	out, err := cmd.Output()
	require.NoError(t, err)
	want, err := os.ReadFile(smallResult)
	require.NoError(t, err)
	require.Equal(t, string(want), string(out))
}

// command is the program as `make replay` starts it, but one request at a time.
func command(t *testing.T, s *stack.Stack, program string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "-url", s.URL(), "-at-once", "1", smallFile)
	cmd.Env = []string{"ADMIN_EMAIL=" + s.Setting("ADMIN_EMAIL"), "ADMIN_PASSWORD=" + s.Setting("ADMIN_PASSWORD")}
	return cmd
}

// killAt starts the program and kills it as soon as it says a line.
func killAt(t *testing.T, s *stack.Stack, program, line string) {
	t.Helper()
	cmd := command(t, s, program)
	said, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if lines.Text() == line {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit, "it was killed at %q", line)
	require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal(), "it was killed at %q", line)
}

// A run that dies between a purchase and its payment leaves it to expire; the
// next run's payment takes the stock again, and its ledger has it twice.
func TestWhatWasLeftUnpaidTooLongIsPaidByTheNextRun(t *testing.T) {
	s := private(t, map[string]string{"RESERVATION": "1s"})
	ctx, die := context.WithCancel(t.Context())
	url := inFrontOf(t, s, func(r *http.Request) bool {
		dies := strings.HasSuffix(r.URL.Path, "/pay")
		if dies {
			die()
		}
		return dies
	})
	_, _, err := attempt(ctx, s, replay.Options{Path: smallFile, URL: url})
	require.ErrorIs(t, err, context.Canceled)
	admin := shoptest.Admin(t, s)
	var left int
	require.Eventually(t, func() bool {
		left = len(shoptest.Purchases(t, admin, "/v1/purchases?status=expired"))
		return left > 0 && len(shoptest.Purchases(t, admin, "/v1/purchases?status=pending")) == 0
	}, 20*time.Second, 50*time.Millisecond)

	notes := requireSmall(t, s, nil)
	texttest.Contains(t, notes, fmt.Sprintf("%d purchases were held too long", left))
	requireSmall(t, s, nil)
}

// inFrontOf stands between a run and the shop, and leaves requests without an
// answer that drop picks.
func inFrontOf(t *testing.T, s *stack.Stack, drop func(*http.Request) bool) string {
	t.Helper()
	shop, err := url.Parse(s.URL())
	require.NoError(t, err)
	through := httputil.NewSingleHostReverseProxy(shop)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if drop(r) {
			panic(http.ErrAbortHandler)
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
