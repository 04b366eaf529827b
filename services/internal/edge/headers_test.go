package edge

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
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
	// dialsPerSecond opens 17,000 connections in less than headerTimeout. All at once, they would end at once too, and what is
	// measured would be the attacker's own wait for the processor.
	dialsPerSecond = 4000
	// synAgain is after what time the kernel sends a SYN again that was not answered.
	synAgain = time.Second
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

// newConnections asks for a product on a connection of its own, so many times a second for so long. It gives what failed
// and the p99.
func (e *edge) newConnections(perSecond int, long time.Duration) (failed int, p99 time.Duration) {
	e.t.Helper()
	var mutex sync.Mutex
	var all []time.Duration
	var flying sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	reasons := map[string]int{}
	for begun := time.Now(); time.Since(begun) < long; <-tick.C {
		flying.Go(func() {
			started := time.Now()
			status, _, err := e.get(e.url("/v1/products/1"))
			took := time.Since(started)
			mutex.Lock()
			defer mutex.Unlock()
			all = append(all, took)
			if err != nil || status != http.StatusOK {
				failed++
				reasons[fmt.Sprint(status, " ", err)]++
			}
		})
	}
	flying.Wait()
	slices.Sort(all)
	if failed > 0 {
		e.t.Logf("%v", reasons)
	}
	return failed, all[len(all)*99/100]
}

func TestThousandsOfUnfinishedHeadersLeaveRoomForOthers(t *testing.T) {
	for name, addresses := range map[string]int{"from three addresses": 3, "from a thousand addresses": 1000} {
		t.Run(name, func(t *testing.T) { othersAreServed(t, addresses) })
	}
}

func othersAreServed(t *testing.T, addresses int) {
	t.Helper()
	e := newEdge(t)
	e.startNginx("nginx-a")
	e.startNginx("nginx-b")
	_, quiet := e.newConnections(100, 3*time.Second)
	u := &unfinished{target: e.net + ".4:8080", header: "GET /v1/products HTTP/1.1\r\nHost: sh", held: 17_000, addresses: addresses}
	ctx, end := context.WithCancel(t.Context())
	var attack sync.WaitGroup
	attack.Go(func() { u.until(ctx) })
	defer attack.Wait()
	defer end()
	require.Eventually(t, func() bool { return u.begun.Load() >= int64(u.held) }, 3*patience, 10*time.Millisecond)
	failed, during := e.newConnections(100, 2*headerTimeout)
	t.Logf("p99 %v quiet, %v during; open %d, closed %d, refused %d", quiet, during, u.open.Load(), u.closed.Load(), u.refused.Load())
	require.Zero(t, failed)
	require.Less(t, during, synAgain, "the kernel has dropped connections that the edge did not take in time")
	require.Greater(t, u.closed.Load(), int64(u.held), "each was cut off, and opened again")
}
