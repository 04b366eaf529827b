package netfault

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds what a test waits for, not what it measures.
const patience = 10 * time.Second

// echo is a server that answers each line with itself, in capitals, and counts
// the lines that it got whole.
type echo struct {
	listener net.Listener
	lines    atomic.Int64
}

func startEcho(t *testing.T) *echo {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e := &echo{listener: listener}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go e.serve(conn)
		}
	}()
	return e
}

func (e *echo) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		e.lines.Add(1)
		if _, err := conn.Write([]byte(strings.ToUpper(line))); err != nil {
			return
		}
	}
}

// caller speaks to the server through the proxy.
type caller struct {
	conn net.Conn
	in   *bufio.Reader
}

func call(t *testing.T, p *Proxy) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return &caller{conn: conn, in: bufio.NewReader(conn)}
}

func (c *caller) say(t *testing.T, text string) {
	t.Helper()
	_, err := c.conn.Write([]byte(text))
	require.NoError(t, err)
}

// ask sends a line and reads what is answered, up to a line's end or the
// connection's.
func (c *caller) ask(t *testing.T, line string) (string, error) {
	t.Helper()
	c.say(t, line)
	return c.in.ReadString('\n')
}

func setUp(t *testing.T) (*echo, *Proxy) {
	t.Helper()
	server := startEcho(t)
	p, err := Listen("127.0.0.1:0", server.listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return server, p
}

func TestAFaultBreaksAnExchangeWhereItSays(t *testing.T) {
	for _, row := range []struct {
		name   string
		fault  Fault
		answer string
		err    error // nil: the connection lives on
		got    int64 // lines that reached the server
	}{
		{"the request is lost", Fault{Kind: LoseRequest}, "", io.EOF, 0},
		{"half a request, then a reset", Fault{Kind: HalveRequest}, "", syscall.ECONNRESET, 0},
		{"the reply is lost", Fault{Kind: LoseReply}, "", io.EOF, 1},
		{"half a reply, then the end", Fault{Kind: HalveReply}, "HELLO ", io.EOF, 1},
		{"the reply is garbled", Fault{Kind: GarbleReply}, "\x00garbled\r\n", nil, 1},
		{"the reply is late", Fault{Kind: DelayReply, Delay: time.Millisecond}, "HELLO THERE\n", nil, 1},
		{"another request is meant", Fault{Kind: LoseReply, Match: "buy"}, "HELLO THERE\n", nil, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			server, p := setUp(t)
			p.Set(row.fault)
			answer, err := call(t, p).ask(t, "hello there\n")
			require.ErrorIs(t, err, row.err)
			require.Equal(t, row.answer, answer)
			require.Equal(t, row.got, server.lines.Load())
		})
	}
}

func TestAFaultStrikesAsOftenAsItSays(t *testing.T) {
	_, p := setUp(t)
	p.Set(Fault{Kind: LoseReply, Match: "buy", Times: 2})
	for range 2 {
		_, err := call(t, p).ask(t, "buy one\n")
		require.ErrorIs(t, err, io.EOF)
	}
	answer, err := call(t, p).ask(t, "buy one\n")
	require.NoError(t, err)
	require.Equal(t, "BUY ONE\n", answer)
	require.Equal(t, 2, p.Struck())
}

func TestAMatchThatArrivesInTwoPiecesIsFoundAndOnlyOnce(t *testing.T) {
	server, p := setUp(t)
	p.Set(Fault{Kind: GarbleReply, Match: "b\nc", Times: 9})
	c := call(t, p)
	answer, err := c.ask(t, "b\n")
	require.NoError(t, err)
	require.Equal(t, "B\n", answer)
	answer, err = c.ask(t, "c\n")
	require.NoError(t, err)
	require.Equal(t, "\x00garbled\r\n", answer)
	_, err = c.in.ReadString('\n')
	require.NoError(t, err)
	answer, err = c.ask(t, "d\n")
	require.NoError(t, err)
	require.Equal(t, "D\n", answer)
	require.Equal(t, 1, p.Struck())
	require.EqualValues(t, 3, server.lines.Load())
}

func TestARequestOfBeforeDoesNotCallAFaultOnTheNext(t *testing.T) {
	_, p := setUp(t)
	c := call(t, p)
	_, err := c.ask(t, "buy one\n")
	require.NoError(t, err)
	p.Set(Fault{Kind: LoseReply, Match: "buy"})
	_, err = c.ask(t, "look\n")
	require.NoError(t, err)
	require.Zero(t, p.Struck())
}

func TestWhatIsKeptBackComesWhenHealed(t *testing.T) {
	server, p := setUp(t)
	p.Set(Fault{Kind: KeepReply})
	c := call(t, p)
	c.say(t, "hello\n")
	require.Eventually(t, func() bool { return server.lines.Load() == 1 }, patience, time.Millisecond)
	require.NoError(t, c.conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := c.in.ReadString('\n')
	var timeout net.Error
	require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "nothing comes: %v", err)
	p.Heal()
	require.NoError(t, c.conn.SetReadDeadline(time.Now().Add(patience)))
	answer, err := c.in.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HELLO\n", answer)
}

func TestADelayIsAsLongAsItSays(t *testing.T) {
	_, p := setUp(t)
	const delay = 100 * time.Millisecond
	p.Set(Fault{Kind: DelayReply, Delay: delay, Times: 1})
	c, start := call(t, p), time.Now()
	_, err := c.ask(t, "hello\n")
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(start), delay)
}

func TestACutEndsOpenConnectionsAndNewOnesAreTaken(t *testing.T) {
	_, p := setUp(t)
	c := call(t, p)
	_, err := c.ask(t, "hello\n")
	require.NoError(t, err)
	p.Cut()
	_, err = c.in.ReadString('\n')
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = call(t, p).ask(t, "hello\n")
	require.NoError(t, err)
}

func TestWithoutAServerTheConnectionIsClosed(t *testing.T) {
	server, p := setUp(t)
	require.NoError(t, server.listener.Close())
	_, err := call(t, p).in.ReadString('\n')
	require.Error(t, err)
}

func TestACloseEndsWhatIsKeptBackToo(t *testing.T) {
	server := startEcho(t)
	p, err := Listen("127.0.0.1:0", server.listener.Addr().String())
	require.NoError(t, err)
	require.Equal(t, server.listener.Addr().String(), p.Target())
	p.Set(Fault{Kind: KeepReply})
	c := call(t, p)
	c.say(t, "hello\n")
	require.Eventually(t, func() bool { return p.Struck() == 1 }, patience, time.Millisecond)
	require.NoError(t, p.Close())
	_, err = c.in.ReadString('\n')
	require.Error(t, err)
}
