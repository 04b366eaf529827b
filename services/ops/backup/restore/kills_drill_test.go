//go:build drill

package restore_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/ops/backup/failpoint"
	"evergreen/services/ops/backup/restore"
	"evergreen/services/ops/backup/target"
	"evergreen/services/ops/redisnode"
)

// closes says of a point whether a restore that is killed there leaves the shop closed.
func closes(point string) bool {
	switch point {
	case "restore-held", "restore-aside", "restore-flushed", "restore-loading", "restore-loaded":
		return true
	}
	return false
}

// A restore is killed at each of its points, and the next one ends well. Undo brings the old data back where they were
// touched or the shop was closed.
func TestARestoreThatIsKilledAnywhereEndsWellTheNextTimeOrIsUndone(t *testing.T) {
	if os.Getenv("RESTORE_TEST_STORE") != "" {
		restoreInThisProcess(t)
		return
	}
	require.GreaterOrEqual(t, len(failpoint.RestorePoints()), 8)
	v := newVault(t)
	s := startShop(t)
	admin := shoptest.Admin(t, s)
	product := shoptest.Product(t, admin, 1000)
	inBackup := admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1)).Text(t, "id")
	v.full(t, s)
	newest := int64(1)
	try := func(point string, undone bool) func(*testing.T) {
		return func(t *testing.T) {
			later := admin.Current().Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1)).Text(t, "id")
			before := len(keptAside(t, s, v))
			killRestore(t, s, v, point)
			if closes(point) {
				closed(t, s, admin)
			}
			next, want := restorer(t, s, v), http.StatusNotFound
			var err error
			if undone {
				want = http.StatusOK
				_, err = next.Undo(t.Context())
			} else {
				_, err = next.Restore(t.Context(), restore.Wanted{})
			}
			require.NoError(t, err)
			restored(t, s)
			answer := admin.Current().Do(t, "GET", "/v1/purchases/"+later, nil)
			require.Equal(t, want, answer.Status, "the purchase that the backup has not: %s", answer.Body)
			admin.Current().Want(t, http.StatusOK, "GET", "/v1/purchases/"+inBackup, nil)
			shoptest.LedgerOf(t, admin, product)
			var shown struct{ Version int64 }
			admin.Current().Want(t, http.StatusOK, "GET", "/v1/products/"+product, nil).Into(t, &shown)
			if undone && (point == "restore-held" || point == "restore-aside") { // the shop was only opened
				require.Equal(t, newest, shown.Version)
				require.Len(t, keptAside(t, s, v), before, "undo goes on from the shop that was opened")
			} else {
				require.Greater(t, shown.Version, newest, "no version is that of an earlier history")
			}
			newest = shown.Version
			left(t, s)
		}
	}
	for _, point := range failpoint.RestorePoints() {
		t.Run(point, try(point, false))
		if closes(point) || point == "restore-opened" {
			t.Run(point+", undone", try(point, true))
		}
	}
}

// keptAside are the directories of what restores have kept.
func keptAside(t *testing.T, s *stack.Stack, v *vault) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(restorer(t, s, v).Dir, "before-*"))
	require.NoError(t, err)
	return found
}

// killRestore runs a restore in another process, which is killed at a point.
func killRestore(t *testing.T, s *stack.Stack, v *vault, point string) {
	t.Helper()
	program := exec.CommandContext(
		t.Context(),
		os.Args[0],
		"-test.run",
		"^TestARestoreThatIsKilledAnywhereEndsWellTheNextTimeOrIsUndone$",
		"-test.v",
	)
	as := login(s)
	program.Env = append(os.Environ(), "BACKUP_FAILPOINT="+point, "RESTORE_TEST_STORE="+v.store.Name(), "RESTORE_TEST_KEY="+v.key.String(),
		"RESTORE_TEST_NET="+s.Net, "RESTORE_TEST_USER="+as.User, "RESTORE_TEST_PASSWORD="+as.Password,
		"RESTORE_TEST_MASTER="+s.Setting("REDIS_MASTER_NAME"), "RESTORE_TEST_DIR="+restorer(t, s, v).Dir)
	said, err := program.CombinedOutput()
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "%v\n%s", err, said)
	status, ok := exit.Sys().(syscall.WaitStatus)
	require.True(t, ok && status.Signaled() && status.Signal() == syscall.SIGKILL, "%v\n%s", err, said)
}

func restoreInThisProcess(t *testing.T) {
	t.Helper()
	store, err := target.Open(os.Getenv("RESTORE_TEST_STORE"), target.Credentials{})
	require.NoError(t, err)
	key, err := age.ParseX25519Identity(os.Getenv("RESTORE_TEST_KEY"))
	require.NoError(t, err)
	as := redisnode.Login{User: os.Getenv("RESTORE_TEST_USER"), Password: os.Getenv("RESTORE_TEST_PASSWORD")}
	settings := map[string]string{
		"REDIS_ADMIN_USER": as.User, "REDIS_ADMIN_PASSWORD": as.Password, "REDIS_MASTER_NAME": os.Getenv("RESTORE_TEST_MASTER"),
	}
	r := restore.Restorer{
		Shop: restore.Shop{Login: as, Look: func(ctx context.Context) stack.Report {
			return stack.InspectContainers(ctx, os.Getenv("RESTORE_TEST_NET"), 2, settings)
		}},
		Backups: restore.Backups{Stores: []target.Store{store}, Identities: []age.Identity{key}},
		Dir:     os.Getenv("RESTORE_TEST_DIR"),
		Say:     func(format string, a ...any) { t.Logf(format, a...) },
		Ask:     func(string) error { return nil },
	}
	_, err = r.Restore(t.Context(), restore.Wanted{})
	require.NoError(t, err)
}

// closed holds that the shop answers nothing but that it is being restored, with a time to come back.
func closed(t *testing.T, s *stack.Stack, admin *shoptest.Client) {
	t.Helper()
	for _, path := range []string{"/v1/products", "/v1/purchases"} {
		require.Eventually(t, func() bool {
			answer, err := admin.Try(t.Context(), "GET", path, nil)
			return err == nil && answer.Status == http.StatusServiceUnavailable && strings.Contains(string(answer.Body), `"restoring"`) &&
				answer.Header.Get("Retry-After") != ""
		}, 10*time.Second, 50*time.Millisecond, path)
	}
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	schema, err := s.Redis(t.Context(), primary, "GET", redisdb.KeySchema())
	require.NoError(t, err)
	require.Equal(t, "restoring", schema)
}

// left holds that a restore leaves no lock, no scratch files and no user of an older layout switched off.
func left(t *testing.T, s *stack.Stack) {
	t.Helper()
	for _, node := range []string{"redis-1", "redis-2", "redis-3"} {
		there, err := s.Redis(t.Context(), node, "EXISTS", redisdb.KeyRestore())
		require.NoError(t, err)
		require.Equal(t, "0", there)
		for _, user := range []string{"api", "api-2"} {
			rights, err := s.Redis(t.Context(), node, "ACL", "GETUSER", user)
			require.NoError(t, err)
			require.Contains(t, strings.Split(rights, "\n"), "on", "%s at %s", user, node)
		}
	}
}
