//go:build containers

package containers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

func TestTheOperatorHandsThePrimaryOverAndNoRequestFails(t *testing.T) {
	s := whole(t)
	old, _ := s.primary(t)
	said, err := s.operator(t, "status")
	require.NoError(t, err, said)
	texttest.Contains(t, said, old.Name())
	figures := s.underLoad(t, func() {
		said, err := s.operator(t, "handover")
		require.NoError(t, err, said)
	}, func() {})
	require.NotEqual(t, old.Name(), s.primaryName(t))
	require.Empty(t, figures.Errors)
	require.Less(t, figures.Writes.Gap, 3*time.Second)
}

// operator runs a command of the operator's, in a container of its own.
func (s *shop) operator(t *testing.T, command ...string) (string, error) {
	t.Helper()
	return s.Compose(t.Context(), append([]string{"run", "--rm", "-T", "-e", "BACKUP_PRIVATE_KEY=" + s.backupKey, "operator"}, command...)...)
}

// Every container is made anew, one after the other, the holder of the address excepted.
func TestARollingUpgradeUnderLoadFailsNoRequest(t *testing.T) {
	s := whole(t)
	root, err := stack.Root()
	require.NoError(t, err)
	before, err := s.Inspect(t.Context())
	require.NoError(t, err)
	figures := s.underLoad(t, func() {
		upgrade := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "rolling-upgrade"), "--force", "--no-build")
		upgrade.Env = append(os.Environ(), s.Environment()...)
		said, err := upgrade.CombinedOutput()
		require.NoError(t, err, "%s", said)
		t.Logf("%s", said)
	}, func() {})
	// An nginx that ends may cut off who sends on a kept connection in that very moment: docs/upgrades.md.
	cut := figures.Errors["no answer"]
	require.Len(t, figures.Errors, min(cut, 1), "%v", figures.Errors)
	require.Less(t, cut, (figures.Writes.Requests+figures.Reads.Requests)/1000)

	after, err := s.Inspect(t.Context())
	require.NoError(t, err)
	for name := range before {
		if name != "edge" {
			require.NotEqual(t, before[name].State.StartedAt, after[name].State.StartedAt, "%s was not made anew", name)
		}
	}
}
