package edge

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARequestThatAReplicaDropsIsAnsweredByTheOther(t *testing.T) {
	faults := map[string]func(*replica){
		"closes the connection":      func(r *replica) { r.does(breaks) },
		"breaks off in its header":   func(r *replica) { r.does(breaksInHeader) },
		"hangs":                      func(r *replica) { r.does(hangs) },
		"refuses connections":        func(r *replica) { r.stop() },
		"refuses after it was known": func(r *replica) { r.stop() },
	}
	for fault, inflict := range faults {
		for _, method := range []string{"GET", "POST", "PATCH", "DELETE"} {
			t.Run(method+" when it "+fault, func(t *testing.T) {
				t.Parallel()
				e := startEdge(t, replacing("proxy_read_timeout 12s", "proxy_read_timeout 200ms"))
				if strings.Contains(fault, "was known") {
					e.send("GET", "/warm", "")
					e.send("GET", "/warm", "")
				}
				inflict(e.replicas[0])
				for range 4 {
					got := e.send(method, "/v1/purchases", "the body")
					require.Equal(t, http.StatusOK, got.status)
					require.Equal(t, "api-2", got.header.Get("X-Served-By"))
				}
			})
		}
	}
}

func TestTheRetryIsTheSameRequestWithTheSameId(t *testing.T) {
	e := startEdge(t)
	e.replicas[0].does(breaks)
	// Larger than nginx's buffer, so that it is sent again from a file.
	body := strings.Repeat("0123456789", 50_000)
	for len(e.replicas[0].requests()) == 0 {
		got := e.send("POST", "/v1/purchases", body, "X-Request-Id", "mine", "Idempotency-Key", "key-1")
		require.Equal(t, "api-2", got.body)
	}
	first := e.replicas[0].requests()[0]
	all := e.replicas[1].requests()
	second := all[len(all)-1]
	require.Len(t, first.header.Get("X-Request-Id"), 32)
	require.Equal(t, first.header.Get("X-Request-Id"), second.header.Get("X-Request-Id"))
	require.Equal(t, "key-1", second.header.Get("Idempotency-Key"))
	require.Equal(t, body, first.body)
	require.Equal(t, body, second.body)
}

func TestOnlyASecondTrySaysThatItIsOne(t *testing.T) {
	for fault, inflict := range map[string]func(*replica){
		"breaks off":          func(r *replica) { r.does(breaks) },
		"refuses connections": func(r *replica) { r.stop() },
	} {
		t.Run(fault, func(t *testing.T) {
			e := startEdge(t)
			require.Equal(t, http.StatusOK, e.send("POST", "/v1/purchases", "{}", "X-Retried", "1").status)
			for _, r := range append(e.replicas[0].requests(), e.replicas[1].requests()...) {
				require.Empty(t, r.header.Get("X-Retried"), "the client's own is dropped")
			}
			inflict(e.replicas[0])
			said := func() (values []string) {
				for _, r := range e.replicas[1].requests() {
					values = append(values, r.header.Get("X-Retried"))
				}
				return values
			}
			require.Eventually(t, func() bool {
				require.Equal(t, http.StatusOK, e.send("POST", "/v1/purchases", "{}").status)
				return slices.Contains(said(), "1")
			}, 10*time.Second, time.Millisecond)
			for _, r := range e.replicas[0].requests() {
				require.Empty(t, r.header.Get("X-Retried"))
			}
		})
	}
}

func TestA503IsAnAnswerAndIsNotRetried(t *testing.T) {
	e := startEdge(t)
	for _, r := range e.replicas {
		r.does(says(http.StatusServiceUnavailable, http.Header{"Retry-After": {"1"}}, "held too long"))
	}
	require.Equal(t, "held too long", e.send("POST", "/v1/purchases", "{}").body)
	require.Len(t, append(e.replicas[0].requests(), e.replicas[1].requests()...), 1)
}

func TestWhenBothReplicasHangEachIsAskedOnce(t *testing.T) {
	// The shipped 12 s and 3 s, sixty times as fast.
	e := startEdge(t, replacing("proxy_read_timeout 12s", "proxy_read_timeout 200ms"),
		replacing("proxy_next_upstream_timeout 3s", "proxy_next_upstream_timeout 50ms"))
	for _, r := range e.replicas {
		r.does(hangs)
	}
	got := e.send("POST", "/v1/purchases", "{}")
	p := problemOf(t, got, http.StatusGatewayTimeout)
	require.Equal(t, "/problems/unavailable", p.Type)
	require.Equal(t, "outcome-unknown", p.Code)
	require.Contains(t, p.Detail, "same Idempotency-Key")
	require.NotEmpty(t, got.header.Get("Retry-After"))
	for _, r := range e.replicas {
		require.Len(t, r.requests(), 1, r.name)
		require.Equal(t, p.RequestID, r.requests()[0].header.Get("X-Request-Id"))
	}
}

func TestWhenBothReplicasAreGoneTheOutcomeOfAWriteIsSaidToBeUnknown(t *testing.T) {
	e := startEdge(t)
	for _, r := range e.replicas {
		r.stop()
	}
	for range 4 {
		got := e.send("POST", "/v1/purchases", "{}")
		p := problemOf(t, got, http.StatusBadGateway)
		require.Equal(t, "outcome-unknown", p.Code)
		require.Contains(t, p.Detail, "same Idempotency-Key")
		require.NotEmpty(t, got.header.Get("Retry-After"))
	}
	p := problemOf(t, e.send("GET", "/v1/products", ""), http.StatusBadGateway)
	require.Equal(t, "unavailable", p.Code, "a read has no outcome")
	require.NotContains(t, p.Detail, "Idempotency-Key")
	e.replicas[1].start()
	require.Equal(t, "api-2", e.send("POST", "/v1/purchases", "{}").body, "no mark delays the first one back")
}

// swapReplicas takes the first replica away and back, and at once the second away: the first is still marked.
func swapReplicas(e *edge) {
	e.replicas[0].stop()
	for range 4 {
		require.Equal(e.t, http.StatusOK, e.send("GET", "/v1/products", "").status)
	}
	e.replicas[0].start()
	e.replicas[1].stop()
}

func TestAReplicaThatIsBackServesWhileItIsStillMarked(t *testing.T) {
	e := startEdge(t)
	swapReplicas(e)
	for range 20 {
		require.Equal(t, "api-1", e.send("POST", "/v1/purchases", "{}").body)
	}
}

func TestWithoutTheBackupsAStaleMarkWouldFailRequests(t *testing.T) {
	// The control for the test above: should this pass one day without them, they can go.
	e := newEdge(t)
	for _, octet := range []string{"2", "3"} {
		replacing("server "+e.net+"."+octet+":5000 backup max_fails=0;", "")(e)
	}
	e.startNginx("nginx-a")
	swapReplicas(e)
	require.Equal(t, http.StatusBadGateway, e.send("POST", "/v1/purchases", "{}").status)
}

func TestAReplicaThatIsBackGetsItsShareAgain(t *testing.T) {
	e := startEdge(t)
	e.replicas[0].stop()
	for range 4 {
		e.send("GET", "/v1/products", "")
	}
	e.replicas[0].start()
	began := time.Now()
	e.eventually(func() bool { return e.send("GET", "/v1/products", "").body == "api-1" }, "api-1 is asked again")
	require.Less(t, time.Since(began), 5*time.Second)
}
