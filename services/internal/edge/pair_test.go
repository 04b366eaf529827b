package edge

import (
	"errors"
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTwoNginxShareOneAddressAndWhenOneIsKilledTheOtherServes(t *testing.T) {
	e := newEdge(t)
	a := e.startNginx("nginx-a")
	e.startNginx("nginx-b")
	served := map[string]int{}
	for _, r := range e.replicas {
		r.stop() // With nobody behind it, an answer tells which nginx made it.
	}
	e.client.Transport = &http.Transport{DisableKeepAlives: true}
	for range 200 {
		served[e.send("GET", "/v1/products", "").header.Get("X-Served-By")]++
	}
	require.Len(t, served, 2, "the kernel gives connections to both")

	killGroup(a)
	// The workers die a moment after their master; until then the kernel may still give them a connection.
	e.eventually(func() bool {
		_, _, err := e.get(e.status("nginx-a", "/healthz"))
		return errors.Is(err, syscall.ECONNREFUSED)
	}, "all of nginx-a is gone")
	for _, r := range e.replicas {
		r.start()
	}
	for range 40 {
		require.Equal(t, http.StatusOK, e.send("POST", "/v1/purchases", "{}").status)
	}
}

func TestAGracefulStopFinishesWhatIsInFlight(t *testing.T) {
	e := newEdge(t)
	nginx := e.startNginx("nginx-a")
	release := make(chan struct{})
	for _, r := range e.replicas {
		r.does(func(w http.ResponseWriter, request *http.Request) {
			<-release
			r.answers(w, request)
		})
	}
	held := make(chan answer, 1)
	go func() {
		a, _ := e.trySend("POST", "/v1/purchases", "{}")
		held <- a
	}()
	e.eventually(func() bool { return len(e.replicas[0].requests())+len(e.replicas[1].requests()) == 1 }, "one is in flight")
	require.NoError(t, nginx.Process.Signal(syscall.SIGQUIT))
	e.eventually(func() bool {
		_, _, err := e.get(e.url("/v1/products"))
		return err != nil
	}, "it takes no new connections")
	close(release)
	require.Equal(t, http.StatusOK, (<-held).status)
	require.NoError(t, nginx.Wait())
}
