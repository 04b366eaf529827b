package attack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"evergreen/services/internal/drill"
)

// Two customers, each at an address of their own, attack; the shop has two nginx and two replicas.
const (
	slowCustomers      = 2
	slowConnections    = 150 // of each customer
	slowBegunPerSecond = 30
)

// slowBodies are customers who send purchases of a megabyte: a tenth of it at once, and then a byte a second.
func slowBodies() Class {
	return Class{
		Name: "slow-bodies", Title: "two customers send 300 bodies of 1 MB at a time, a tenth of each at once and then a byte a second", Resource: Connections,
		Setup: func(ctx context.Context, s *Scene) (err error) {
			s.Attackers, err = s.Customers(ctx, slowCustomers, 0)
			return err
		},
		Attack: func(ctx context.Context, s *Scene) error {
			const size = 1_000_000
			begun := fmt.Sprintf("POST /v1/purchases HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", size) +
				strings.Repeat(" ", size/10)
			return s.slowly(ctx, slowAttack{begun: begun, step: func(c *slowConnection) bool {
				_, err := io.WriteString(c, " ")
				return err == nil
			}})
		},
		Lasts: 15 * time.Second,
		Bound: fewSlow(2 * slowCustomers * 16), // each nginx has 16 of an address
		Control: Control{
			Prepare: drill.FilesWith("slow-bodies",
				drill.Edit{File: "nginx/nginx.conf.template", Old: "        limit_conn address_large_bodies 16;\n"},
				drill.Edit{File: "nginx/nginx.conf.template", Old: "        limit_conn large_bodies 48;\n"}),
			Rules: []Rule{RuleBound},
		},
	}
}

// slowReaders are customers who ask for a page of 100 purchases with all their lines, and read it 2 kB a second.
func slowReaders() Class {
	var path string
	return Class{
		Name: "slow-readers", Title: "two customers ask for 300 pages of 1 MB at a time, and read 2 kB of each a second", Resource: Connections,
		Setup: func(ctx context.Context, s *Scene) (err error) {
			path, err = largeLists(ctx, s)
			return err
		},
		Attack: func(ctx context.Context, s *Scene) error {
			begun := "GET " + path + " HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer %s\r\n\r\n"
			return s.slowly(ctx, slowAttack{begun: begun, answered: true, step: func(c *slowConnection) bool {
				_, err := c.reader.Discard(2000)
				return err == nil
			}})
		},
		Lasts:   15 * time.Second,
		Gauges:  []string{"shop_request_memory_held_bytes"},
		Bound:   fewSlow(2 * slowCustomers * 8), // a replica has 8 MiB for the large answers of a caller
		Control: Control{Weakness: "no-answer-bound", Rules: []Rule{RuleAlive, RuleMemory, RuleBound}},
	}
}

// fewSlow demands that so many slow requests are held at a time at the most, and that others' new connections are answered.
func fewSlow(most float64) func(Found) []string {
	return func(f Found) (reasons []string) {
		if failed := f.Figures["new connections without an answer"]; failed > 0 {
			reasons = append(reasons, fmt.Sprintf("%.0f new connections of others had no answer", failed))
		}
		if got := f.Figures["slow requests at a time"]; got > most {
			reasons = append(reasons, fmt.Sprintf("%.0f slow requests were held at a time, and %.0f is the most", got, most))
		}
		return append(reasons, refusedBy(f, "429 at once")...)
	}
}

// slowConnection is one of the attack's.
type slowConnection struct {
	net.Conn
	reader *bufio.Reader
}

// slowAttack is how a slow request goes.
type slowAttack struct {
	// begun is sent at once; a %s in it is the token of the customer's session.
	begun string
	// answered says that it has an answer, which is read slowly.
	answered bool
	// step goes on with it, once a second.
	step func(*slowConnection) bool
	held *gauge
}

// slowly has each attacker begin requests on many connections, and go on with each until it is cut off.
func (s *Scene) slowly(ctx context.Context, a slowAttack) error {
	pace := rate.NewLimiter(slowBegunPerSecond, 1)
	a.held = &gauge{scene: s, name: "slow requests at a time"}
	var all sync.WaitGroup
	all.Go(func() { s.probe(ctx) })
	for n := range slowCustomers * slowConnections {
		all.Go(func() {
			who, own := n%slowCustomers, a
			own.begun = strings.Replace(a.begun, "%s", s.Attackers[who].Client.Token(), 1)
			for pace.Wait(ctx) == nil {
				s.slowRequest(ctx, s.Address(who), own)
			}
		})
	}
	all.Wait()
	return nil
}

// slowRequest makes one request.
func (s *Scene) slowRequest(ctx context.Context, from string, a slowAttack) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 20 * time.Second, Control: narrow}
	connection, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(s.Stack.URL(), "http://"))
	if err != nil {
		s.Count("not connected")
		return
	}
	defer func() { _ = connection.Close() }()
	defer context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Now()) })()
	if _, err := io.WriteString(connection, a.begun); err != nil {
		s.Count("429 at once") // the edge has closed it while the body came
		return
	}
	c := &slowConnection{Conn: connection, reader: bufio.NewReaderSize(connection, 4<<10)}
	switch refused, answered := firstLine(ctx, c); {
	case refused:
		s.Count("429 at once")
		return
	case answered != a.answered:
		s.Count("another answer, or no answer")
		return
	}
	a.held.add(1)
	defer a.held.add(-1)
	for due := time.Now(); waitUntil(ctx, due); due = due.Add(time.Second) {
		if !a.step(c) {
			s.Count("cut off")
			return
		}
	}
	s.Count("open at the end")
}

// narrow has the kernel hold little of an answer for the client: it would else take a whole page off the edge.
func narrow(_, _ string, c syscall.RawConn) (err error) {
	set := c.Control(func(fd uintptr) {
		err = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<10), //nolint:gosec // a file descriptor is an int
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 536)) //nolint:gosec // the same
	})
	return errors.Join(set, err)
}

// firstLine waits for the beginning of an answer, for less than the edge waits for more of a body.
func firstLine(ctx context.Context, c *slowConnection) (refused, answered bool) {
	_ = c.SetReadDeadline(time.Now().Add(4 * time.Second))
	line, err := c.reader.Peek(len("HTTP/1.1 429"))
	if ctx.Err() == nil {
		_ = c.SetReadDeadline(time.Now().Add(25 * time.Second)) // longer than the attack
	}
	return err == nil && strings.HasSuffix(string(line), fmt.Sprint(http.StatusTooManyRequests)), err == nil
}

// gauge is how many there are of something, of which the scene keeps the most.
type gauge struct {
	scene *Scene
	name  string
	mu    sync.Mutex
	now   float64
}

func (g *gauge) add(n float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now += n
	g.scene.Most(g.name, g.now)
}
