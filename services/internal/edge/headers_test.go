package edge

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

const (
	// headerTimeout is the edge's client_header_timeout.
	headerTimeout = 5 * time.Second
	// dialsPerSecond opens tenthHeld connections in less than headerTimeout. All at once, they would end at once, too.
	dialsPerSecond = 400
)

// unfinished opens connections to the edge, sends the beginning of a request on each, and opens the next one when it is
// closed: at most held at a time, from so many addresses in turn.
type unfinished struct {
	target    string
	header    string
	held      int
	addresses int
	pace      *rate.Limiter

	begun, open, closed, refused atomic.Int64
}

// until attacks until ctx ends.
func (u *unfinished) until(ctx context.Context) {
	var holders sync.WaitGroup
	u.pace = rate.NewLimiter(dialsPerSecond, 1)
	for n := range u.held {
		holders.Go(func() {
			for u.pace.Wait(ctx) == nil {
				u.hold(ctx, n)
			}
		})
	}
	holders.Wait()
}

// hold keeps one connection until the edge closes it.
func (u *unfinished) hold(ctx context.Context, n int) {
	u.begun.Add(1)
	n %= u.addresses
	from := &net.TCPAddr{IP: net.IPv4(127, 60, byte(n>>8), byte(n))}
	dialer := net.Dialer{LocalAddr: from, Timeout: patience, Control: manyPorts}
	connection, err := dialer.DialContext(ctx, "tcp", u.target)
	if err != nil {
		u.refused.Add(1)
		return
	}
	defer connection.Close()
	end := context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Now()) })
	defer end()
	if _, err := io.WriteString(connection, u.header); err != nil {
		u.refused.Add(1)
		return
	}
	u.open.Add(1)
	_, _ = io.Copy(io.Discard, connection)
	u.open.Add(-1)
	u.closed.Add(1)
}

// manyPorts lets ports of one address be used for several targets.
func manyPorts(_, _ string, c syscall.RawConn) error {
	const bindAddressNoPort = 24
	var err error
	control := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1) })
	if control != nil {
		return control
	}
	return err
}

// newConnections asks for a product on a connection of its own, so many times a second for so long, and counts what failed.
func (e *edge) newConnections(perSecond int, long time.Duration) int {
	e.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * patience}
	var flying sync.WaitGroup
	var failed atomic.Int64
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for begun := time.Now(); time.Since(begun) < long; <-tick.C {
		flying.Go(func() {
			answer, err := client.Get(e.url("/v1/products/1"))
			if err != nil {
				failed.Add(1)
				return
			}
			defer answer.Body.Close()
			if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
				failed.Add(1)
			}
		})
	}
	flying.Wait()
	return int(failed.Load())
}

// A tenth of the shipped places and a tenth of 17,000 connections, so that the test needs little of the machine.
const (
	shippedPlaces = "worker_connections 6144"
	tenthOfPlaces = "worker_connections 614"
	tenthHeld     = 1700
)

func TestUnfinishedHeadersLeaveRoomForOthers(t *testing.T) {
	for name, addresses := range map[string]int{"from three addresses": 3, "from a thousand addresses": 1000} {
		t.Run(name, func(t *testing.T) {
			u, failed := amongUnfinished(t, addresses, replacing(shippedPlaces, tenthOfPlaces))
			require.Zero(t, failed)
			require.Greater(t, u.closed.Load(), int64(u.held), "each was cut off, and opened again")
		})
	}
}

func TestWithFewerPlacesAndALongerTimeUnfinishedHeadersShutOthersOut(t *testing.T) {
	fewer := replacing(shippedPlaces, "worker_connections 409")
	longer := replacing("client_header_timeout 5s", "client_header_timeout 10s")
	_, failed := amongUnfinished(t, 3, fewer, longer)
	require.Positive(t, failed)
}

// amongUnfinished makes new connections to the pair while an attacker holds others, and gives how many failed.
func amongUnfinished(t *testing.T, addresses int, options ...option) (u *unfinished, failed int) {
	t.Helper()
	e := newEdge(t, options...)
	e.startNginx("nginx-a")
	e.startNginx("nginx-b")
	u = &unfinished{target: e.net + ".4:8080", header: "GET /v1/products HTTP/1.1\r\nHost: sh", held: tenthHeld,
		addresses: addresses}
	ctx, end := context.WithCancel(t.Context())
	var attack sync.WaitGroup
	attack.Go(func() { u.until(ctx) })
	defer attack.Wait()
	defer end()
	require.Eventually(t, func() bool { return u.begun.Load() >= int64(u.held) }, 3*patience, 10*time.Millisecond)
	failed = e.newConnections(100, 2*headerTimeout)
	t.Logf("%d failed; open %d, closed %d, refused %d", failed, u.open.Load(), u.closed.Load(), u.refused.Load())
	return u, failed
}
