//go:build containers

package containers_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

func TestAKilledAPIReplicaFailsNoRequest(t *testing.T) {
	s := whole(t)
	for _, name := range []string{"api-1", "api-2"} {
		replica := s.Service(name)
		figures := s.underLoad(t, func() {
			require.NoError(t, replica.Kill())
			served, err := s.servedBy(t, 100) // by the other one alone
			require.NoError(t, err)
			require.Zero(t, served[name])
		}, func() { require.NoError(t, replica.Launch()) })
		require.Empty(t, figures.Errors, "a client noticed that %s was killed", name)
	}
}

func TestWhileOneNginxIsKilledTheShopAnswers(t *testing.T) {
	s := whole(t)
	product := shoptest.Product(t, s.admin, 1000)
	visitor, buyer := shoptest.New(s.URL()).NewConnections(), s.admin.NewConnections()
	for _, name := range []string{"nginx-a", "nginx-b"} {
		// Kill returns when all its processes are gone, and with them its sockets: what connects before that breaks.
		require.NoError(t, s.Service(name).Kill())
		for range 40 {
			visitor.Want(t, http.StatusOK, "GET", "/v1/products/"+product, nil)
			buyer.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1))
		}
		require.NoError(t, s.Service(name).Restart(t.Context()))
	}
	require.EqualValues(t, 80, shoptest.LedgerOf(t, s.admin, product).Sold)
	s.heal(t)
}

func TestBothNginxFollowAHolderThatWasKilledAndStarted(t *testing.T) {
	s := whole(t)
	s.requireFollowed(t, func(ctx context.Context) error {
		if err := s.Service("edge").Kill(); err != nil {
			return err
		}
		return s.Service("edge").Launch()
	})
}

func TestBothNginxFollowAHolderThatWasRestarted(t *testing.T) {
	s := whole(t)
	s.requireFollowed(t, func(ctx context.Context) error {
		if err := s.Service("edge").Terminate(ctx); err != nil {
			return err
		}
		return s.Service("edge").Launch()
	})
}

// TestBothNginxFollowAHolderThatCrashed: the engine itself starts it again.
func TestBothNginxFollowAHolderThatCrashed(t *testing.T) {
	s := whole(t)
	s.requireFollowed(t, s.Service("edge").Crash)
}

// follow is how soon both nginx have to serve in the new holder's namespace.
const follow = 10 * time.Second

// requireFollowed does something to the holder of the address, and demands that both nginx serve in its new namespace
// soon after it lives again, with nobody's help.
func (s *shop) requireFollowed(t *testing.T, harm func(context.Context) error) {
	t.Helper()
	edge := s.Service("edge")
	before, err := edge.Inspect(t.Context())
	require.NoError(t, err)
	require.NoError(t, harm(t.Context()))
	await(t, follow, "the holder lives again", func() bool {
		now, err := edge.Inspect(t.Context())
		return err == nil && now.State.Running && now.State.StartedAt != before.State.StartedAt
	})
	back := time.Now()
	visitor := shoptest.New(s.URL()).NewConnections()
	var first, both time.Duration
	await(t, follow, "both nginx serve in the holder's namespace, and the shop answers", func() bool {
		if a, err := visitor.Try(t.Context(), "GET", "/v1/products?limit=1", nil); err != nil || a.Status != http.StatusOK {
			return false
		} else if first == 0 {
			first = time.Since(back)
		}
		both = time.Since(back)
		return s.serves(t, 8081) && s.serves(t, 8082)
	})
	t.Logf("the shop answered %.1f s after the holder was back, both nginx were there after %.1f s", first.Seconds(), both.Seconds())
	for range 40 {
		visitor.Want(t, http.StatusOK, "GET", "/v1/products?limit=1", nil)
	}
	s.heal(t)
}

// serves asks within the holder's namespace for the nginx with this status port.
func (s *shop) serves(t *testing.T, port int) bool {
	t.Helper()
	url := fmt.Sprintf("http://%s.4:%d/healthz", s.Net, port)
	_, err := s.Service("edge").Exec(t.Context(), "sh", "-c", "curl -fsS "+url+" || wget -q -O - "+url)
	return err == nil
}
