package rollback

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/operate"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/release"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// change has a program that is at work create a product, change one, sell, and take a sale back.
func change(t *testing.T, admin, customer *shoptest.Client, earlier string) (product, kept, cancelled string) {
	t.Helper()
	product = shoptest.Product(t, admin, 10)
	if earlier != "" {
		admin.With("Content-Type", "application/merge-patch+json").Want(t, 200, "PATCH", "/v1/products/"+earlier,
			shoptest.Object{"name": shoptest.Unique("Changed")})
	}
	cancelled = customer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 1)).Text(t, "id")
	customer.Want(t, 200, "POST", "/v1/purchases/"+cancelled+"/cancel", nil)
	return product, customer.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 2)).Text(t, "id"), cancelled
}

func TestNothingIsMissingAfterUpgradeCopyRollbackUpgradeAndFinish(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		earlier string
		changed int // products that it has created or changed after the copy without the field updated
	}{"from the release before": {release.Previous, 0}, "from the first version": {release.First, 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upgradesAndRollsBack(t, row.earlier, row.changed)
		})
	}
}

func upgradesAndRollsBack(t *testing.T, earlier string, changed int) {
	t.Helper()
	before, now := programs(t, earlier)
	s := stack.StartT(t, stack.Options{APIBinary: before})
	admin := shoptest.Admin(t, s)
	customer, _ := shoptest.Customer(t, admin)
	var products, kept, cancelled []string
	work := func(earlier string) {
		product, one, other := change(t, admin, customer, earlier)
		products, kept, cancelled = append(products, product), append(kept, one), append(cancelled, other)
	}
	for range 3 {
		work("")
	}
	put(t, s, now)
	awaitCopied(t, s)
	for _, id := range products {
		requireUpdated(t, s, admin, id)
	}
	work(products[0])
	require.Equal(t, "1", onPrimary(t, s, "GET", redisdb.KeySchema()))

	put(t, s, before)
	work(products[1])
	work(products[3])
	put(t, s, now)
	work(products[4])
	require.Equal(t, "copied", record(t, s).State)
	said := finish(t, s)
	require.Contains(t, said, fmt.Sprintf(
		"migration 1 (products get the field updated) is copied once more: 7 objects, %d of them changed", changed))
	require.Contains(t, said, "done: layout 3 is in force")

	require.ElementsMatch(t, products, productsOf(t, admin))
	for _, id := range products {
		requireUpdated(t, s, admin, id)
		require.EqualValues(t, 8, shoptest.LedgerOf(t, admin, id).Stock)
	}
	for _, by := range []*shoptest.Client{customer, admin} {
		var listed []string
		for _, p := range shoptest.Purchases(t, by, "/v1/purchases?limit=3") {
			listed = append(listed, p.ID)
		}
		require.ElementsMatch(t, slices.Concat(kept, cancelled), listed)
	}
	requireLists(t, s, kept, cancelled)
	work(products[0])
	requireUpdated(t, s, admin, products[0])
	require.Equal(t, []string{"3", "contracted"}, []string{onPrimary(t, s, "GET", redisdb.KeySchema()), record(t, s).State})
	require.Contains(t, finish(t, s), "nothing else was left to do")
	staysLockedOut(t, s, before)
}

// requireLists holds that layout 3's lists have every purchase, and that the lists which it does not have are gone.
func requireLists(t *testing.T, s *stack.Stack, kept, cancelled []string) {
	t.Helper()
	list := func(key string) []string {
		return strings.Fields(onPrimary(t, s, "EVAL", "return redis.call('ZRANGE', KEYS[1], 0, -1)", "1", key))
	}
	require.ElementsMatch(t, slices.Concat(kept, cancelled), list(redisdb.KeyAllPurchases()))
	require.ElementsMatch(t, kept, list(redisdb.KeyPurchases("pending")))
	require.ElementsMatch(t, cancelled, list(redisdb.KeyEndedPurchases()))
	require.Equal(t, "0", onPrimary(t, s, "EXISTS", redisdb.KeyPurchases("cancelled")))
	for _, id := range slices.Concat(kept, cancelled) {
		require.Equal(t, "1", onPrimary(t, s, "HGET", redisdb.KeyPurchase(id), "count"))
	}
}

// staysLockedOut holds that an older program cannot come back, whatever is restarted
// and whichever volume is lost.
func staysLockedOut(t *testing.T, s *stack.Stack, before string) {
	t.Helper()
	for _, name := range stack.RedisAndSentinels() {
		require.Equal(t, []string{"api-3"}, users(t, s, name), name)
		mark, err := os.ReadFile(filepath.Join(s.Dir(), name, "layout"))
		require.NoError(t, err)
		require.Equal(t, "3\n", string(mark), "the mark of %s", name)
	}
	for _, name := range []string{"redis-2", "sentinel-2"} {
		require.NoError(t, s.Process(name).Restart(t.Context()))
		require.Equal(t, []string{"api-3"}, users(t, s, name), "%s was started again", name)
	}
	f := finishing(accessTo(t, s))
	for _, name := range []string{"redis-3", "sentinel-3"} {
		require.NoError(t, operate.Await(t.Context(), new(bytes.Buffer), generous, f.Look))
		p := s.Process(name)
		require.NoError(t, p.Terminate(t.Context()))
		volume := filepath.Join(s.Dir(), name)
		require.NoError(t, os.RemoveAll(volume))
		require.NoError(t, os.Mkdir(volume, 0o700))
		require.NoError(t, p.Restart(t.Context()))
		require.Equal(t, []string{"api-3"}, users(t, s, name), "%s has lost its volume", name)
	}
	p := s.Process("api-2")
	p.Use(before)
	require.NoError(t, p.Terminate(t.Context()))
	earlier, err := os.ReadFile(p.LogPath())
	require.NoError(t, err)
	require.NoError(t, p.Launch())
	require.Eventually(t, func() bool {
		log, err := os.ReadFile(p.LogPath())
		return err == nil && bytes.Contains(log[len(earlier):], []byte("the shop is not ready yet; the API answers 503 until it is"))
	}, generous, 50*time.Millisecond, "the older program does not become ready")
	require.ErrorContains(t, operate.Await(t.Context(), new(bytes.Buffer), time.Millisecond, f.Look), "api-2: ")
}

func TestFinishRefusesWhileASupervisedReplicaRunsAnOlderProgramFrozenOrNot(t *testing.T) {
	t.Parallel()
	before, now := programs(t, release.Previous)
	s := stack.StartT(t, stack.Options{APIBinary: now, Settings: fromLayout1()})
	p := s.Process("api-2")
	p.Use(before)
	require.NoError(t, p.Restart(t.Context()))
	f := finishing(accessTo(t, s))
	for _, frozen := range []bool{false, true} {
		if frozen {
			require.NoError(t, p.Pause())
			require.Eventually(t, func() bool { return onPrimary(t, s, "ZCARD", redisdb.KeyReplicas()) == "1" }, generous, 50*time.Millisecond,
				"Redis has forgotten the frozen replica")
		}
		out := new(bytes.Buffer)
		err := operate.Finish(t.Context(), out, f)
		require.ErrorContains(t, err, "Refused, and nothing was changed: an older program runs: api-2 (process ")
		require.ErrorContains(t, err, "runs a program of layout 2")
		require.Empty(t, out.String())
	}
	require.NoError(t, p.Resume())
	for _, name := range stack.RedisAndSentinels() {
		require.ElementsMatch(t, []string{"api", "api-2", "api-3"}, users(t, s, name))
	}
	require.Equal(t, "1", onPrimary(t, s, "GET", redisdb.KeySchema()))
}

func TestFinishRefusesUnlessTheShopIsWholeAndADryRunChangesNothing(t *testing.T) {
	t.Parallel()
	s := stack.StartT(t, stack.Options{Settings: fromLayout1()})
	f := finishing(accessTo(t, s))
	require.NoError(t, s.Process("redis-3").Kill())
	require.ErrorContains(t, operate.Finish(t.Context(), new(bytes.Buffer), f), "the shop is not whole: ")
	require.NoError(t, s.Process("redis-3").Restart(t.Context()))
	require.NoError(t, operate.Await(t.Context(), new(bytes.Buffer), generous, f.Look))
	_, err := s.Redis(t.Context(), "sentinel-2", "ACL", "DELUSER", "api-3")
	require.NoError(t, err)
	require.ErrorContains(t, operate.Finish(t.Context(), new(bytes.Buffer), f), "sentinel-2: there is no user api-3 yet")
	require.NoError(t, s.Process("sentinel-2").Restart(t.Context()))
	require.NoError(t, operate.Await(t.Context(), new(bytes.Buffer), generous, f.Look))

	f.Dry = true
	out := new(bytes.Buffer)
	require.NoError(t, operate.Finish(t.Context(), out, f))
	require.Contains(t, out.String(), "would lock programs of a layout before 3 out")
	require.Contains(t, out.String(), "would put layout 3 in force; nothing was changed")
	for _, name := range stack.RedisAndSentinels() {
		require.ElementsMatch(t, []string{"api", "api-2", "api-3"}, users(t, s, name))
	}
	require.Equal(t, "1", onPrimary(t, s, "GET", redisdb.KeySchema()))

	f.Dry, f.LockOut = false, nil
	require.ErrorContains(t, operate.Finish(t.Context(), new(bytes.Buffer), f), "redis-1: the user api may still come in")
	require.Equal(t, "1", onPrimary(t, s, "GET", redisdb.KeySchema()), "nothing else is done before older programs are locked out")
}

func TestFinishMayBeKilledAfterEachStepAndIsThenRepeated(t *testing.T) {
	t.Parallel()
	s := stack.StartT(t, stack.Options{Settings: fromLayout1()})
	admin := shoptest.Admin(t, s)
	product := shoptest.Product(t, admin, 100)
	access := accessTo(t, s)
	text, err := json.Marshal(access)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	cut := 0
	for line := 1; ; line++ {
		if !killedAfter(t, self, string(text), line) {
			break
		}
		cut++
		admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 1))
	}
	require.Greater(t, cut, 8, "steps after which it was killed")
	require.Equal(t, "3", onPrimary(t, s, "GET", redisdb.KeySchema()))
	require.Equal(t, "contracted", record(t, s).State)
	require.NoError(t, access.LockedOut(t.Context(), 3))
	requireUpdated(t, s, admin, product)
	require.EqualValues(t, 100-cut, shoptest.LedgerOf(t, admin, product).Stock)
}

func TestStatusSaysThatAnUpgradeIsUnfinishedAndNothingOfItInANewShop(t *testing.T) {
	t.Parallel()
	for first, says := range map[string]bool{"": false, "1": true, "2": true} {
		t.Run("FIRST_LAYOUT="+first, func(t *testing.T) {
			t.Parallel()
			s := stack.StartT(t, stack.Options{Settings: map[string]string{"FIRST_LAYOUT": first}})
			f, out := finishing(accessTo(t, s)), new(bytes.Buffer)
			require.NoError(t, operate.Await(t.Context(), io.Discard, generous, f.Look))
			require.NoError(t, operate.StatusWithLayout(t.Context(), out, f.Access, f.Look(t.Context())))
			require.Equal(t, says, strings.Contains(out.String(), "the version before can still be put back"), out)
		})
	}
}

// killedAfter kills a process that finishes the upgrade when it has printed so many
// lines, and answers false when it ended before that.
func killedAfter(t *testing.T, self, access string, lines int) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), generous)
	defer cancel()
	process := exec.CommandContext(ctx, self)
	process.Env = append(os.Environ(), accessSetting+"="+access)
	complaint := new(bytes.Buffer)
	process.Stderr = complaint
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	said := bufio.NewScanner(out)
	for range lines {
		if !said.Scan() {
			require.NoError(t, process.Wait(), complaint)
			return false
		}
	}
	require.NoError(t, process.Process.Kill())
	_ = process.Wait() // killed
	return true
}
