package versions_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/release"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

func TestMain(m *testing.M) {
	shoptest.Contract().Newer("season", "gift")
	os.Exit(shoptest.Verdict(m.Run()))
}

// pair is a shop with one replica of each version.
type pair struct {
	*stack.Stack
	admin *shoptest.Client
	// before and now are the admin at the replica of the release before, and of this version.
	before, now *shoptest.Client
}

// startPair starts a pair. It skips the test where the clone has no history.
func startPair(t *testing.T) *pair {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	program, err := release.Build(t.Context(), root, release.Previous, "api")
	if errors.Is(err, release.ErrNoHistory) {
		t.Skip("not applicable: ", err)
	}
	require.NoError(t, err)
	s := stack.StartT(t, stack.Options{
		APIBinaries: map[string]string{"api-1": program},
		Settings:    map[string]string{"RESERVATION": "15m", "FIRST_LAYOUT": "1", "RATE_USER_PER_SECOND": "100000"},
	})
	admin := shoptest.Admin(t, s)
	return &pair{Stack: s, admin: admin, before: admin.At(base(s, "api-1")), now: admin.At(base(s, "api-2"))}
}

func base(s *stack.Stack, replica string) string { return "http://" + s.Process(replica).Addr() }

// ask sends a command to the primary as the operator.
func (p *pair) ask(t *testing.T, command ...string) string {
	t.Helper()
	primary, err := p.Primary(t.Context())
	require.NoError(t, err)
	reply, err := p.Redis(t.Context(), primary, command...)
	require.NoError(t, err)
	return strings.TrimSpace(reply)
}

// edge sends a request to a replica as nginx does: from its address, under an id that
// it has made.
func (p *pair) edge(t *testing.T, replica, id string, retried bool, body string) (int, string) {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(p.Net + ".4")}}
	transport := &http.Transport{DialContext: dialer.DialContext}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base(p.Stack, replica)+"/v1/purchases", strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+p.admin.Token())
	request.Header.Set("X-Request-Id", id)
	if retried {
		request.Header.Set("X-Retried", "1")
	}
	return send(t, transport, request)
}
