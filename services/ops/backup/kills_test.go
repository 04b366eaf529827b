package backup_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/failpoint"
)

// drillProgram builds the program with its failpoints.
func drillProgram(t *testing.T) string {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "backup")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "drill", "-o", program, "./services/backup")
	build.Dir = root
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return program
}

// environment is that of the program for this shop.
func (s *shop) environment(dir, address string, more ...string) []string {
	settings := s.settings(address)
	var nodes []string
	for _, node := range settings.Nodes {
		nodes = append(nodes, node.Address)
	}
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "DATA_DIR=" + dir, "NODES_DIR=" + s.stack.Dir(), "REDIS_NODES=" + strings.Join(nodes, ","),
		"REDIS_USER=" + settings.Login.User, "REDIS_PASSWORD=" + settings.Login.Password, "METRICS_ADDRESS=127.0.0.1:0",
		"BACKUP_TARGETS=" + address, "BACKUP_PUBLIC_KEYS=" + s.key.Recipient().String(),
		"BACKUP_EVERY=1s", "BACKUP_SHIP_EVERY=200ms", "BACKUP_KEEP=3", "BACKUP_KEEP_DAYS=0",
	}, more...)
}

func TestABackupServiceThatIsKilledAnywhereEndsWellTheNextTime(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.buy(10)
	program, dir, address := drillProgram(t), t.TempDir(), t.TempDir()
	serve := func(more ...string) (*exec.Cmd, *lines) {
		log := &lines{}
		command := exec.CommandContext(t.Context(), program, "serve")
		command.Env, command.Stdout, command.Stderr = s.environment(dir, address, more...), log, log
		require.NoError(t, command.Start())
		return command, log
	}
	for _, point := range failpoint.Points() {
		t.Run(point, func(t *testing.T) {
			killed, log := serve("BACKUP_FAILPOINT=" + point)
			ended := make(chan error, 1)
			go func() { ended <- killed.Wait() }()
			select {
			case err := <-ended:
				var exit *exec.ExitError
				require.ErrorAs(t, err, &exit)
				require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal(), log.text())
			case <-time.After(time.Minute):
				require.NoError(t, killed.Process.Kill())
				t.Fatalf("the failpoint was not passed:\n%s", log.text())
			}
			s.buy(1)
			before := time.Now()
			next, log := serve()
			found := awaitChain(t, address, func(chain archive.Chain) bool {
				made, err := archive.ChainTime(chain.ID)
				return err == nil && !made.Before(before.Truncate(time.Millisecond)) && isVerified(chain)
			})
			require.NoError(t, next.Process.Signal(syscall.SIGTERM))
			require.NoError(t, next.Wait(), log.text())
			require.GreaterOrEqual(t, found.Full.Sequence, int64(1))
			s.requireTidy(t, dir)
			s.requireRestorable(address, found, s.purchases)
		})
	}
	for _, chain := range list(t, address) {
		if chain.Complete() {
			s.requireRestorable(address, chain, nil)
		}
	}
}

// requireTidy asserts that a service that ended left nothing on the shop's disks.
func (s *shop) requireTidy(t *testing.T, dir string) {
	t.Helper()
	for _, pattern := range []string{
		filepath.Join(s.stack.Dir(), "redis-*", "backup", "*"), filepath.Join(dir, "serve", "scratch"), filepath.Join(dir, "serve", "spool", "segment-*"),
	} {
		left, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestTheProgramThatShipsHasNoFailpoints(t *testing.T) {
	t.Parallel()
	for _, point := range failpoint.Points() {
		failpoint.Pass(point)
	}
	require.Len(t, failpoint.Points(), 24)
}
