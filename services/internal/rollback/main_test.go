package rollback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/config"
	"evergreen/services/internal/operate"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/release"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// generous is longer than anything here may take.
const generous = 60 * time.Second

// accessSetting has the stack.Access for a process of this test program that finishes
// an upgrade and is killed meanwhile.
const accessSetting = "UPGRADES_TEST_FINISH"

func TestMain(m *testing.M) {
	if text := os.Getenv(accessSetting); text != "" {
		var access stack.Access
		if err := json.Unmarshal([]byte(text), &access); err != nil {
			panic(err)
		}
		if err := operate.Finish(context.Background(), os.Stdout, finishing(access)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// fromLayout1 are the settings of a shop that begins as older programs have it.
func fromLayout1() map[string]string { return map[string]string{"FIRST_LAYOUT": "1"} }

// programs are an earlier version's API and this one's.
func programs(t *testing.T, earlier string) (before, now string) {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	before, err = release.Build(t.Context(), root, earlier, "api")
	if errors.Is(err, release.ErrNoHistory) {
		t.Skip("not applicable: ", err)
	}
	require.NoError(t, err)
	now = filepath.Join(t.TempDir(), "api")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", now, "./services/api")
	build.Dir = root
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return before, now
}

// put has both API replicas run a program, one after the other.
func put(t *testing.T, s *stack.Stack, program string) {
	t.Helper()
	for _, name := range []string{"api-1", "api-2"} {
		p := s.Process(name)
		p.Use(program)
		require.NoError(t, p.Restart(t.Context()))
	}
}

// accessTo is what finish-upgrade is given for a stack.
func accessTo(t *testing.T, s *stack.Stack) stack.Access {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	settings := map[string]string{}
	for _, name := range []string{
		"REDIS_MASTER_NAME", "REDIS_MAXMEMORY", "SENTINEL_DOWN_AFTER_MS", "REDIS_API_PASSWORD", "REDIS_EXPORTER_PASSWORD",
		"REDIS_REPLICATION_PASSWORD", "REDIS_SENTINEL_PASSWORD", "REDIS_BOOT_PASSWORD", "REDIS_ADMIN_USER", "REDIS_ADMIN_PASSWORD",
	} {
		settings[name] = s.Setting(name)
	}
	return stack.Access{Net: s.Net, Dir: s.Dir(), Files: root, Settings: settings}
}

func finishing(access stack.Access) operate.Finishing {
	return operate.Finishing{
		Access: access,
		Look: func(ctx context.Context) stack.Report {
			return stack.Inspect(ctx, access.Net, access.Dir, access.Settings)
		},
		Older: func(ctx context.Context) []string { return stack.OlderPrograms(ctx, access.Dir, config.Layout) },
		LockOut: func(ctx context.Context, say func(format string, a ...any)) error {
			return access.LockOut(ctx, config.Layout, say)
		},
	}
}

// finish finishes the upgrade of a stack that is whole.
func finish(t *testing.T, s *stack.Stack) string {
	t.Helper()
	f, out := finishing(accessTo(t, s)), new(bytes.Buffer)
	require.NoError(t, operate.Await(t.Context(), io.Discard, generous, f.Look))
	require.NoError(t, operate.Finish(t.Context(), out, f), out)
	return out.String()
}

// onPrimary asks the primary as the operator.
func onPrimary(t *testing.T, s *stack.Stack, command ...string) string {
	t.Helper()
	primary, err := s.AwaitPrimary(t.Context(), nil)
	require.NoError(t, err)
	reply, err := s.Redis(t.Context(), primary, command...)
	require.NoError(t, err)
	return reply
}

// record is what is kept of migration 1; its state is empty where nothing is.
func record(t *testing.T, s *stack.Stack) (r struct {
	State, By string
	Seen      int64
}) {
	t.Helper()
	if text := onPrimary(t, s, "HGET", redisdb.KeyMigrations(), "1"); text != "" {
		require.NoError(t, json.Unmarshal([]byte(text), &r))
	}
	return r
}

func awaitCopied(t *testing.T, s *stack.Stack) {
	t.Helper()
	require.Eventually(t, func() bool { return record(t, s).State == "copied" }, generous, 50*time.Millisecond)
}

// requireUpdated holds that a product has the field updated as its body says it.
func requireUpdated(t *testing.T, s *stack.Stack, admin *shoptest.Client, id string) {
	t.Helper()
	text := admin.Current().Want(t, 200, "GET", "/v1/products/"+id, nil).Text(t, "updated_at")
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	require.Equal(t, strconv.FormatInt(at.UnixMilli(), 10), onPrimary(t, s, "HGET", redisdb.KeyProduct(id), "updated"), id)
}

// productsOf lists the ids of all products, as the primary has them.
func productsOf(t *testing.T, admin *shoptest.Client) (ids []string) {
	t.Helper()
	for at := "/v1/products?limit=100"; ; {
		var page struct {
			Data    []struct{ ID string }
			HasMore bool   `json:"has_more"`
			Next    string `json:"next_cursor"`
		}
		admin.Current().Want(t, 200, "GET", at, nil).Into(t, &page)
		for _, p := range page.Data {
			ids = append(ids, p.ID)
		}
		if !page.HasMore {
			return ids
		}
		at = "/v1/products?limit=100&cursor=" + page.Next
	}
}

// users lists the API's users that a node or Sentinel lets in.
func users(t *testing.T, s *stack.Stack, name string) (found []string) {
	t.Helper()
	reply, err := s.Redis(t.Context(), name, "ACL", "USERS")
	require.NoError(t, err)
	for _, user := range strings.Fields(reply) {
		if strings.HasPrefix(user, "api") {
			found = append(found, user)
		}
	}
	return found
}
