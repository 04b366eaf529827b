package edge

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// sell sends that many requests from eight clients and gives how many each replica answered.
func (e *edge) sell(requests int) map[string]int {
	e.t.Helper()
	var mutex sync.Mutex
	var clients sync.WaitGroup
	var sent atomic.Int64
	served := map[string]int{}
	for range 8 {
		clients.Go(func() {
			for sent.Add(1) <= int64(requests) {
				got, err := e.trySend("POST", "/v1/purchases", "{}")
				mutex.Lock()
				if err != nil {
					served[err.Error()]++
				} else {
					served[fmt.Sprint(got.body, got.header.Get("Retry-After"))]++
				}
				mutex.Unlock()
			}
		})
	}
	clients.Wait()
	return served
}

func TestTwoToSixteenReplicasShareTheLoadEvenly(t *testing.T) {
	for _, replicas := range []int{2, 3, 4, 16} {
		t.Run(fmt.Sprint(replicas), func(t *testing.T) {
			e := newEdge(t, behind(replicas))
			e.startNginx("nginx-a")
			e.startNginx("nginx-b")
			served := e.sell(1000)
			t.Log(served)
			require.Len(t, served, replicas, "%v", served)
			for _, r := range e.replicas {
				// The two nginx take turns each for itself.
				require.InEpsilon(t, 1000/replicas, served[r.name], 0.2, "%v", served)
			}
		})
	}
}

func TestWithOneOfFourReplicasGoneTheOthersShareItsPart(t *testing.T) {
	e := startEdge(t, behind(4))
	e.replicas[1].stop()
	require.Equal(t, http.StatusOK, e.send("GET", "/v1/products", "").status)
	served := e.sell(900)
	require.Len(t, served, 3, "%v", served)
	for _, name := range []string{"api-1", "api-3", "api-4"} {
		require.InEpsilon(t, 300, served[name], 0.2, "%v", served)
	}
}

func TestAMissingReplicaOfFourIsAskedAgainWhenItComesBack(t *testing.T) {
	e := newEdge(t, behind(4))
	e.replicas[3].stop()
	e.startNginx("nginx-a")
	for range 8 {
		require.Equal(t, http.StatusOK, e.send("POST", "/v1/purchases", "{}").status)
	}
	e.replicas[3].start()
	e.eventually(func() bool { return e.send("GET", "/v1/products", "").body == "api-4" }, "api-4 is asked")
}
