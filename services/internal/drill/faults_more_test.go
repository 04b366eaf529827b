package drill

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/load"
	"evergreen/services/internal/netfault"
	"evergreen/services/internal/stack"
)

// harmed is a whole shop for the tools of the faults: its API is the drill's,
// behind proxies, and one replica's clock goes by a file. Its load is not started.
func harmed(t *testing.T) (*Scene, proxies) {
	t.Helper()
	o := stack.Options{Services: WithoutPrometheus(), Settings: stack.WithHighQuotas(nil)}
	line, err := listen(t.Context(), &o)
	require.NoError(t, err)
	require.NoError(t, ownClock(t.Context(), &o))
	s := stack.StartT(t, o)
	clients, err := load.Prepare(t.Context(), load.Options{
		URL: s.URL(), AdminEmail: s.Setting("ADMIN_EMAIL"), AdminPassword: s.Setting("ADMIN_PASSWORD"), Products: 1, Unedited: 1, Customers: 1,
	})
	require.NoError(t, err)
	return &Scene{Stack: native{s}, Load: clients}, line
}

// sell makes a product, which is a write, and tells how long that took.
func sell(t *testing.T, s *Scene) time.Duration {
	t.Helper()
	begun := time.Now()
	require.NoError(t, ask(t.Context(), s.Load.Admin(), "POST", "/v1/products", 201,
		object{"name": "Tool", "price": object{"amount": 100, "currency": "EUR"}, "stock": 1}, nil))
	return time.Since(begun)
}

// One shop serves all of them, for none is done any lasting harm.
func TestTheToolsOfTheFaultsDoWhatTheirNamesSay(t *testing.T) {
	s, line := harmed(t)
	t.Run("a reply is lost, and the write is done again", func(t *testing.T) {
		line.set(netfault.Fault{Kind: netfault.LoseReply, Match: "WAIT", Times: 1})
		sell(t, s)
		require.Eventually(t, func() bool { return line.struck() > 0 }, 10*time.Second, 10*time.Millisecond)
	})
	t.Run("a clock is off, and is noticed when it is not as it should be", func(t *testing.T) {
		_, path, _ := strings.Cut(s.Stack.Setting("SHOP_CLOCK_OFFSET"), "=")
		require.NoError(t, os.WriteFile(path, []byte("1h"), 0o600))
		api := s.Stack.Process(clockOf)
		require.NoError(t, shifted(t.Context(), s, api, time.Hour))
		require.ErrorContains(t, shifted(t.Context(), s, api, 0), "a new product")
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, shifted(t.Context(), s, api, 0))
	})
	t.Run("what is sold to somebody who was refused is noticed", func(t *testing.T) {
		w, err := soldOut(t.Context(), s)
		require.NoError(t, err)
		w.order(t.Context())
		w.flying.Wait()
		require.Equal(t, map[int]int{409: soldOutOrders}, w.answers)
		require.NoError(t, w.restock(t.Context()))
		require.NoError(t, w.settle(t.Context(), s))
		require.NoError(t, ask(t.Context(), s.Load.Admin(), "POST", "/v1/purchases", 201,
			object{"items": []object{{"product_id": w.product, "quantity": 1}}}, nil))
		require.ErrorIs(t, w.settle(t.Context(), s), errRefusedAndSold)
	})
	t.Run("a frozen replica is cut off", func(t *testing.T) {
		primary, err := s.Primary(t.Context())
		require.NoError(t, err)
		replicas, err := s.Replicas(t.Context())
		require.NoError(t, err)
		require.NoError(t, replicas[0].Pause())
		require.NoError(t, s.unlink(t.Context(), primary, replicas[0]))
		links, err := s.Stack.Redis(t.Context(), primary.Name(), "CLIENT", "LIST", "TYPE", "replica")
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(links, "id="), links)
		require.NoError(t, replicas[0].Resume())
		require.NoError(t, s.Stack.AwaitHealthy(t.Context()))
	})
	t.Run("a disk is slow, and then no more", func(t *testing.T) {
		if why := needsStrace(t.Context()); why != "" {
			t.Skip("skipped: " + why)
		}
		const late = 300 * time.Millisecond
		primary, err := s.Primary(t.Context())
		require.NoError(t, err)
		over := make(chan error, 1)
		go func() { over <- s.delayed(t.Context(), primary, late) }()
		require.Eventually(t, func() bool { return sell(t, s) >= late }, 5*time.Second, 10*time.Millisecond)
		require.NoError(t, <-over)
		require.Eventually(t, func() bool { return sell(t, s) < late }, 10*time.Second, 10*time.Millisecond)
	})
	t.Run("what only a newer version knows is found, and missed when it is dropped", func(t *testing.T) {
		require.NoError(t, plant(t.Context(), s))
		found, err := s.stored(t.Context())
		require.NoError(t, err)
		require.Equal(t, s.fields, found)
		product := s.Load.Products()[0]
		require.Equal(t, map[string]string{laterField: "kept", inBody: laterValue}, found[product])

		require.NoError(t, s.store(t.Context(), product, "body", `{"id":"`+product+`"}`))
		require.NoError(t, s.store(t.Context(), product, laterField, "other"))
		found, err = s.stored(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]string{laterField: "other"}, found[product])
	})
}
