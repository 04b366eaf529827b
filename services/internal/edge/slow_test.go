package edge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// tmpfsBytes is the size of /tmp in nginx's container, which is memory.
	tmpfsBytes = 64 << 20
	// largestBodyBytes is the largest body that nginx takes.
	largestBodyBytes = 1 << 20
	// bodiesOfAddress and bodiesOfAll are how many large bodies may be under way.
	bodiesOfAddress = 16
	bodiesOfAll     = 48
)

// from is a dialer with an address of its own, whose connections take so many bytes that it does not read.
func from(address, unreadBytes int) *net.Dialer {
	return &net.Dialer{
		Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 61, 0, byte(address))},
		Control: func(_, _ string, c syscall.RawConn) error {
			var err error
			control := c.Control(func(fd uintptr) {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, unreadBytes)
			})
			if control != nil {
				return control
			}
			return err
		},
	}
}

// keep opens a connection from an address, sends text on it and leaves it open until the test has ended.
func (e *edge) keep(address int, text string) net.Conn {
	e.t.Helper()
	connection, err := from(address, 4096).Dial("tcp", e.net+".4:8080")
	require.NoError(e.t, err)
	e.t.Cleanup(func() { _ = connection.Close() })
	require.NoError(e.t, connection.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(connection, text)
	if err != nil {
		require.ErrorIs(e.t, err, syscall.ECONNRESET, "nginx may answer and close before the body's end")
	}
	return connection
}

// filesBytes is the size of the files in which this nginx keeps bodies and answers. They have no name any more.
func (e *edge) filesBytes(master int) (bytes int64) {
	e.t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", master, master))
	require.NoError(e.t, err)
	for _, worker := range strings.Fields(string(children)) {
		descriptors, err := filepath.Glob("/proc/" + worker + "/fd/*")
		require.NoError(e.t, err)
		for _, descriptor := range descriptors {
			target, _ := os.Readlink(descriptor)
			if !strings.HasPrefix(target, e.dir) || !strings.HasSuffix(target, "(deleted)") {
				continue
			}
			if info, err := os.Stat(descriptor); err == nil {
				bytes += info.Size()
			}
		}
	}
	return bytes
}

// beginBodies begins so many bodies of nearly the largest size from each address and does not end them.
func (e *edge) beginBodies(addresses, each int) (connections []net.Conn) {
	header := fmt.Sprintf("POST /v1/purchases HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n", largestBodyBytes)
	body := strings.Repeat("x", largestBodyBytes-1)
	for n := range addresses * each {
		connections = append(connections, e.keep(n%addresses, header+body))
	}
	return connections
}

// mostOf is nearly the size of so many bodies in files: the last part of each, up to 40 KiB, is in nginx's buffer.
func mostOf(bodies int64) int64 { return bodies * (largestBodyBytes - 48<<10) }

// refused counts the connections that got the answer "caller-busy".
func refused(t *testing.T, connections []net.Conn) (count int) {
	t.Helper()
	for _, connection := range connections {
		require.NoError(t, connection.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
		require.Contains(t, string(text), `"code":"caller-busy"`)
		require.Equal(t, "1", response.Header.Get("Retry-After"))
		count++
	}
	return count
}

func TestSlowBodiesOfAnAddressAndOfAllAreBoundedAndSmallOnesAreServed(t *testing.T) {
	e := newEdge(t)
	nginx := e.startNginx("nginx-a")
	require.Equal(t, 4, refused(t, e.beginBodies(1, bodiesOfAddress+4)), "of one address")
	e.eventually(func() bool { return e.filesBytes(nginx.Process.Pid) > mostOf(bodiesOfAddress) }, "16 bodies are in files")

	e.beginBodies(8, bodiesOfAddress)
	e.eventually(func() bool { return e.filesBytes(nginx.Process.Pid) > mostOf(bodiesOfAll) }, "48 bodies are in files")
	require.LessOrEqual(t, e.filesBytes(nginx.Process.Pid), int64(bodiesOfAll*largestBodyBytes))
	require.Less(t, int64(bodiesOfAll*largestBodyBytes), int64(tmpfsBytes))

	require.Equal(t, http.StatusOK, e.send("POST", "/v1/purchases", strings.Repeat("x", 9999)).status)
	large := e.send("POST", "/v1/purchases", strings.Repeat("x", 10_000))
	require.Equal(t, "caller-busy", problemOf(t, large, http.StatusTooManyRequests).Code)
	chunked := e.sendRaw(t, "POST /v1/purchases HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
	require.Equal(t, "caller-busy", problemOf(t, chunked, http.StatusTooManyRequests).Code, "a body without a length may be large")
}

func TestWithoutTheirBoundSlowBodiesFillTheContainersFiles(t *testing.T) {
	e := newEdge(t, replacing("limit_conn address_large_bodies 16;", ""), replacing("limit_conn large_bodies 48;", ""))
	nginx := e.startNginx("nginx-a")
	e.beginBodies(1, tmpfsBytes/largestBodyBytes+8)
	e.eventually(func() bool { return e.filesBytes(nginx.Process.Pid) > tmpfsBytes }, "one address has filled /tmp")
}

// slowReaders is how many clients ask for an answer of a megabyte and do not read it.
const slowReaders = 80

// askAndNotRead has slowReaders clients ask, and waits until the replicas have been asked by all. It gives how many bytes of
// answers the replicas could not send yet.
func (e *edge) askAndNotRead() (waitingBytes func() int64) {
	var mu sync.Mutex
	var waiting int64
	add := func(bytes int64) {
		mu.Lock()
		defer mu.Unlock()
		waiting += bytes
	}
	for _, r := range e.replicas {
		r.does(func(w http.ResponseWriter, _ *http.Request) {
			add(largestBodyBytes)
			piece := strings.Repeat("x", 16<<10)
			for sent := 0; sent < largestBodyBytes; sent += len(piece) {
				if _, err := io.WriteString(w, piece); err != nil {
					return
				}
				add(-int64(len(piece)))
			}
		})
	}
	for n := range slowReaders {
		e.keep(n, "GET /v1/purchases HTTP/1.1\r\nHost: shop\r\n\r\n")
	}
	e.eventually(func() bool { return len(e.replicas[0].requests())+len(e.replicas[1].requests()) == slowReaders }, "all have asked")
	return func() int64 {
		mu.Lock()
		defer mu.Unlock()
		return waiting
	}
}

func TestAnswersThatAreNotReadStayAtTheReplicasAndFillNoFiles(t *testing.T) {
	e := newEdge(t)
	nginx := e.startNginx("nginx-a")
	waitingBytes := e.askAndNotRead()
	e.eventually(func() bool { return waitingBytes() > slowReaders*largestBodyBytes/4 }, "the replicas wait")
	require.Zero(t, e.filesBytes(nginx.Process.Pid))
	require.Equal(t, http.StatusOK, e.send("GET", "/v1/products/1", "").status)
}

func TestWithoutTheBoundAnswersThatAreNotReadFillTheContainersFiles(t *testing.T) {
	e := newEdge(t, replacing("proxy_max_temp_file_size 0;", ""))
	nginx := e.startNginx("nginx-a")
	e.askAndNotRead()
	e.eventually(func() bool { return e.filesBytes(nginx.Process.Pid) > tmpfsBytes }, "they have filled /tmp")
}

func TestWithoutItsBoundTheKernelKeepsWholeAnswersForClientsThatDoNotRead(t *testing.T) {
	e := newEdge(t, replacing(" sndbuf=64k", ""))
	e.startNginx("nginx-a")
	waitingBytes := e.askAndNotRead()
	e.eventually(func() bool { return waitingBytes() == 0 }, "the kernel has taken 80 MiB")
}
