package logs_test

import (
	"context"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/logs"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// A real shop; what one request left in it is looked for as `make logs REQ=…` does.
func TestOneRequestIsFollowedFromNginxThroughTheAPIToItsEvent(t *testing.T) {
	t.Parallel()
	services := []string{"api-1", "api-2", "nginx-a", "nginx-b"}
	copies := t.TempDir()
	shop := stack.StartT(t, stack.Options{
		Services: append(stack.RedisAndSentinels(), services...), Settings: map[string]string{"LOG_DIR": copies},
	})
	admin := shoptest.Admin(t, shop)
	product := shoptest.Product(t, admin, 100)
	t.Run("a purchase", func(t *testing.T) { aPurchase(t, shop, admin, product) })
	t.Run("a read", func(t *testing.T) { aRead(t, shop, admin, product) })
	t.Run("a refusal", func(t *testing.T) { aRefusal(t, shop, admin) })
	t.Run("a request that was sent again", func(t *testing.T) { aRetry(t, shop, admin, product) })
	t.Run("a collector would read the same", func(t *testing.T) {
		for _, name := range []string{"api-1", "api-2"} {
			require.Eventually(t, func() bool {
				printed := read(shop.Process(name).LogPath())
				return printed != "" && printed == read(filepath.Join(copies, name+".log"))
			}, 10*time.Second, 20*time.Millisecond, name)
		}
	})
	t.Run("nothing secret stands in any log", func(t *testing.T) { nothingSecret(t, shop, admin) })
}

// way is what `make logs REQ=…` prints, one step a line, once all have logged what they are to log.
func way(t *testing.T, shop *stack.Stack, request string, complete func(steps []step) bool) []step {
	t.Helper()
	var steps []step
	require.Eventually(t, func() bool {
		out, err := trace(t, filepath.Join(shop.Dir(), "logs"), request, func(ctx context.Context, id string, from, to time.Time) ([]logs.Entry, string, error) {
			return eventsOf(ctx, shop, id, from, to)
		})
		steps = stepsIn(out)
		return err == nil && complete(steps)
	}, 20*time.Second, 50*time.Millisecond, "%v", &steps)
	last := -1.0
	for _, s := range steps {
		require.GreaterOrEqual(t, s.after, last, "in the order of time: %v", steps)
		last = s.after
	}
	return steps
}

func eventsOf(ctx context.Context, shop *stack.Stack, id string, from, to time.Time) (found []logs.Entry, looked string, err error) {
	primary, err := shop.Primary(ctx)
	if err != nil {
		return nil, "", err
	}
	node := redisdb.Node{Addr: shop.Process(primary).Addr(), User: shop.Setting("REDIS_ADMIN_USER"), Password: shop.Setting("REDIS_ADMIN_PASSWORD")}
	events, n, err := redisdb.EventsOfRequest(ctx, node, id, from, to)
	for _, e := range events {
		found = append(found, logs.Entry{Instance: "event", Time: e.At, RequestID: e.Request, Text: e.Kind + " " + e.ID})
	}
	return found, strconv.Itoa(n), err
}

// step is one line of a request's way.
type step struct {
	after     float64 // seconds since its begin
	who, what string
}

var stepLine = regexp.MustCompile(`(?m)^ *\+(\d+\.\d{3}) s (\S+) +(.*)$`)

func stepsIn(out string) (steps []step) {
	for _, found := range stepLine.FindAllStringSubmatch(out, -1) {
		after, _ := strconv.ParseFloat(found[1], 64)
		steps = append(steps, step{after, found[2], found[3]})
	}
	return steps
}

func names(steps []step) (all []string) {
	for _, s := range steps {
		all = append(all, s.who)
	}
	return all
}

func atLeast(n int) func([]step) bool { return func(steps []step) bool { return len(steps) >= n } }

func aPurchase(t *testing.T, shop *stack.Stack, admin *shoptest.Client, product string) {
	t.Helper()
	answer := admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1))
	request := answer.Header.Get("X-Request-Id")
	require.NotEmpty(t, request, "the client is told what to ask for")
	steps := way(t, shop, request, atLeast(3))
	require.Len(t, steps, 3)
	require.Regexp(t, `^nginx-[ab]$`, steps[0].who)
	require.Contains(t, steps[0].what, "path=/v1/purchases")
	require.Equal(t, answer.Header.Get("X-Served-By"), steps[1].who)
	require.Contains(t, steps[1].what, "status=201")
	require.Equal(t, step{steps[2].after, "event", "purchase.pending " + answer.Text(t, "id")}, steps[2])
}

func aRead(t *testing.T, shop *stack.Stack, admin *shoptest.Client, product string) {
	t.Helper()
	answer := admin.Want(t, http.StatusOK, "GET", "/v1/products/"+product, nil)
	steps := way(t, shop, answer.Header.Get("X-Request-Id"), atLeast(2))
	require.Len(t, steps, 2, "a read leaves no event")
	require.Equal(t, answer.Header.Get("X-Served-By"), steps[1].who)
}

func aRefusal(t *testing.T, shop *stack.Stack, admin *shoptest.Client) {
	t.Helper()
	problem := admin.Refused(t, http.StatusNotFound, "no-purchase", "GET", "/v1/purchases/0198a9a2-0000-7000-8000-000000000000", nil)
	steps := way(t, shop, problem.RequestID, atLeast(2))
	require.Contains(t, steps[1].what, "code=no-purchase", "the id in the problem leads to its lines")
}

// aRetry freezes one replica with requests in it: nginx asks the other one after 12 s, and the first one has its say when
// it wakes up.
func aRetry(t *testing.T, shop *stack.Stack, admin *shoptest.Client, product string) {
	t.Helper()
	frozen := shop.Process("api-1")
	require.NoError(t, frozen.Pause())
	defer func() { _ = frozen.Resume() }()
	answers := make([]shoptest.Answer, 4)
	group, ctx := errgroup.WithContext(t.Context())
	for i := range answers {
		group.Go(func() (err error) {
			answers[i], err = admin.NewConnections().Expect(ctx, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1))
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.NoError(t, frozen.Resume())

	var retried []step
	for _, answer := range answers {
		require.Equal(t, "api-2", answer.Header.Get("X-Served-By"))
		steps := way(t, shop, answer.Header.Get("X-Request-Id"), atLeast(3))
		if strings.Contains(steps[0].what, `upstream_status="504 : 201"`) {
			retried = way(t, shop, answer.Header.Get("X-Request-Id"), atLeast(4))
		}
	}
	require.NotEmpty(t, retried, "one of four met the frozen replica")
	require.ElementsMatch(t, []string{"api-1", "api-2", "event"}, names(retried)[1:], "bought once, whoever was asked: %v", retried)
	require.Contains(t, retried[0].who, "nginx")
	second := slices.IndexFunc(retried, func(s step) bool { return s.who == "api-2" })
	require.Greater(t, retried[second].after, 11.0, "the second replica was asked after nginx had lost its patience: %v", retried)
}

// nothingSecret looks for what the tests above have used, and a query, in every file.
func nothingSecret(t *testing.T, shop *stack.Stack, admin *shoptest.Client) {
	t.Helper()
	customer, _ := shoptest.Customer(t, admin)
	email := admin.Want(t, http.StatusOK, "GET", "/v1/sessions/current", nil).Text(t, "user", "email")
	admin.Want(t, http.StatusOK, "GET", "/v1/users?email="+strings.ReplaceAll(email, "@", "%40"), nil)
	admin.With("Cookie", "a-cookie-of-mine").Keyed("a-key-of-mine").Want(t, http.StatusUnprocessableEntity, "POST", "/v1/users",
		shoptest.Object{"email": "someone-else@example.org", "password": "short", "first_name": "Zaphod", "last_name": "B"})
	// An nginx that finds no replica has more to tell than at other times.
	for _, name := range []string{"api-1", "api-2"} {
		require.NoError(t, shop.Process(name).Kill())
	}
	lost := admin.NewConnections().Do(t, "GET", "/v1/users?email="+strings.ReplaceAll(email, "@", "%40"), nil)
	require.Equal(t, http.StatusBadGateway, lost.Status)
	require.NoError(t, shop.Up(t.Context()))

	secrets := []string{
		admin.Token(), customer.Token(), shoptest.Password, "Zaphod", email, "@example", "%40", "email=", "a-cookie-of-mine", "a-key-of-mine",
		"Bearer",
	}
	for _, name := range []string{
		"SECRET_KEY", "ADMIN_PASSWORD", "REDIS_API_PASSWORD", "REDIS_EXPORTER_PASSWORD", "REDIS_REPLICATION_PASSWORD",
		"REDIS_SENTINEL_PASSWORD", "REDIS_BOOT_PASSWORD", "REDIS_BACKUP_PASSWORD", "REDIS_ADMIN_PASSWORD",
	} {
		require.NotEmpty(t, shop.Setting(name))
		secrets = append(secrets, shop.Setting(name))
	}
	files, bytes := 0, 0
	require.NoError(t, fs.WalkDir(os.DirFS(filepath.Join(shop.Dir(), "logs")), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(shop.Dir(), "logs", path))
		require.NoError(t, err)
		for _, secret := range secrets {
			texttest.NotContains(t, string(text), secret, path)
		}
		files, bytes = files+1, bytes+len(text)
		return nil
	}))
	require.Greater(t, files, 10)
	t.Logf("looked through %d files, %d bytes, for %d secrets", files, bytes, len(secrets))
}
