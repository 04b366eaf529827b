package faults_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// shared is the stack that most of these tests break, one after the other; each
// leaves it whole.
var shared *stack.Stack

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var err error
	if shared, err = stack.Start(ctx, stack.Options{Settings: stack.WithHighQuotas(nil)}); err != nil {
		fmt.Fprintln(os.Stderr, "the shared stack did not start:", err)
		return 1
	}
	defer func() {
		if err := shared.Stop(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "the shared stack did not stop:", err)
		}
	}()
	return shoptest.Verdict(m.Run())
}

// private starts a stack of the test's own: its settings differ, or it wants
// new data. Prometheus, which has no part in it, is left out.
func private(t *testing.T, settings map[string]string) *stack.Stack {
	t.Helper()
	services := slices.DeleteFunc(stack.Everything(), func(name string) bool { return name == "prometheus" })
	return stack.StartT(t, stack.Options{Services: services, Settings: stack.WithHighQuotas(settings)})
}

// whole gives the shared stack with an admin, and has what the test breaks
// repaired at its end.
func whole(t *testing.T) (*stack.Stack, *shoptest.Client) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			showLogs(t, shared)
		}
		repair(t, shared)
	})
	return shared, shoptest.Admin(t, shared)
}

// repair starts what is down and waits until everything can be used.
func repair(t *testing.T, s *stack.Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	require.NoError(t, s.Up(ctx))
}

// showLogs prints what the API replicas, the nodes and the Sentinels said last.
func showLogs(t *testing.T, s *stack.Stack) {
	t.Helper()
	for _, p := range s.Processes() {
		lines := "12"
		switch p.Name() {
		case "nginx-a", "nginx-b", "prometheus":
			continue
		case "sentinel-1", "sentinel-2", "sentinel-3":
			lines = "30" // of one failover
		}
		end, _ := exec.CommandContext(context.WithoutCancel(t.Context()), "tail", "-n", lines, p.LogPath()).Output()
		t.Logf("the end of %s's log:\n%s", p.Name(), end)
	}
}
