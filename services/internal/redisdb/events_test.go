package redisdb

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

func TestTheEventsOfARequestAreFoundAmongThoseOfAllOthers(t *testing.T) {
	t.Parallel()
	s := stack.StartT(t, stack.Options{Services: stack.RedisAndSentinels()})
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	add := func(at int, request, kind string) {
		_, err := s.Redis(t.Context(), primary, "XADD", KeyEvents(), fmt.Sprintf("%d-*", at),
			"kind", kind, "id", "p", "version", "1", "request", request, "actor", "a")
		require.NoError(t, err)
	}
	for n := range 2*eventsPage + 10 {
		add(n/2+1, "another", "purchase.pending") // several in one millisecond, and pages end among them
	}
	add(5000, "mine", "purchase.pending")
	add(5001, "another", "purchase.paid")
	add(9000, "mine", "purchase.paid")
	node := Node{Addr: s.Process(primary).Addr(), User: s.Setting("REDIS_ADMIN_USER"), Password: s.Setting("REDIS_ADMIN_PASSWORD")}

	found, looked, err := EventsOfRequest(t.Context(), node, "mine", time.Time{}, time.Time{})
	require.NoError(t, err)
	require.Equal(t, 2*eventsPage+13, looked)
	require.Equal(t, []Event{
		{At: time.UnixMilli(5000), Kind: "purchase.pending", ID: "p", Version: "1", Request: "mine", Actor: "a"},
		{At: time.UnixMilli(9000), Kind: "purchase.paid", ID: "p", Version: "1", Request: "mine", Actor: "a"},
	}, found)

	found, looked, err = EventsOfRequest(t.Context(), node, "mine", time.UnixMilli(4999), time.UnixMilli(5001))
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, 2, looked)

	found, _, err = EventsOfRequest(t.Context(), node, "nobody's", time.Time{}, time.Time{})
	require.NoError(t, err)
	require.Empty(t, found)
	node.Password = "wrong"
	_, _, err = EventsOfRequest(t.Context(), node, "mine", time.Time{}, time.Time{})
	require.ErrorContains(t, err, "WRONGPASS")
}
