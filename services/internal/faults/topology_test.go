package faults_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// roles gives the Redis nodes by what they are now.
func roles(t *testing.T, s *stack.Stack) (primary *stack.Process, replicas []*stack.Process) {
	t.Helper()
	name, err := s.Primary(t.Context())
	require.NoError(t, err)
	for _, p := range s.Processes() {
		switch {
		case p.Name() == name:
			primary = p
		case strings.HasPrefix(p.Name(), "redis-"):
			replicas = append(replicas, p)
		}
	}
	return primary, replicas
}

// commits is how many writes have run on the primary, acknowledged or not.
func commits(t *testing.T, s *stack.Stack) int {
	t.Helper()
	primary, _ := roles(t, s)
	n, err := strconv.Atoi(redis(t, s, primary, "GET", "evg:commit:seq"))
	require.NoError(t, err)
	return n
}

// redis sends one command to a node.
func redis(t *testing.T, s *stack.Stack, node *stack.Process, command ...string) string {
	t.Helper()
	reply, err := s.Redis(t.Context(), node.Name(), command...)
	require.NoError(t, err)
	return reply
}

// info is what a Redis node says about its part in the replication.
func info(t *testing.T, s *stack.Stack, node *stack.Process) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for line := range strings.Lines(redis(t, s, node, "INFO", "replication")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[name] = value
	}
	return fields
}

// await looks at a condition again and again until it holds, for limit at most.
func await(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	late := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-late:
			require.Fail(t, "waited in vain", "for %v: %s", limit, what)
		case <-tick.C:
		}
	}
}
