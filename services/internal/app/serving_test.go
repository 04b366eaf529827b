package app_test

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/app"
)

// unread serves an endless answer to a client that reads none of it. It gives how many bytes the kernel has taken when it takes
// no more, and the error that ends the answer.
func unread(t *testing.T, listener net.Listener, timeout time.Duration) (taken int64, ended error) {
	t.Helper()
	var written atomic.Int64
	over := make(chan error, 1)
	server := app.Server("127.0.0.1", 0, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 16<<10)
		for {
			n, err := w.Write(piece)
			written.Add(int64(n))
			if err != nil {
				over <- err
				return
			}
		}
	}), slog.New(slog.DiscardHandler))
	require.Equal(t, 30*time.Second, server.WriteTimeout)
	server.WriteTimeout = timeout
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })

	client, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.(*net.TCPConn).SetReadBuffer(16<<10))
	_, err = io.WriteString(client, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
	require.NoError(t, err)
	select {
	case ended = <-over:
	case <-time.After(10 * time.Second):
		t.Fatal("the answer does not end")
	}
	return written.Load(), ended
}

func TestAClientThatDoesNotReadItsAnswerIsCutOffAndTheKernelKeepsLittleOfIt(t *testing.T) {
	t.Parallel()
	listener, err := app.Listen("127.0.0.1:0")
	require.NoError(t, err)
	taken, ended := unread(t, listener, time.Second)
	var timeout net.Error
	require.True(t, errors.As(ended, &timeout) && timeout.Timeout(), "%v", ended)
	require.Less(t, taken, int64(384<<10))
}

func TestAPlainPortHasTheKernelKeepMuchOfAnAnswer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	taken, _ := unread(t, listener, time.Second)
	require.Greater(t, taken, int64(1<<20), "else the bound of the test above says nothing")
}

func TestAnAddressThatDoesNotReadTheAPIsPageHoldsABoundedPartOfAReplica(t *testing.T) {
	t.Parallel()
	const connections, most = 150, 97 // a quarter of 64 MiB, in pieces of 40 + 128 KiB
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 77, 9, 9)}}
	served, refused := 0, 0
	for range connections {
		client, err := dialer.DialContext(t.Context(), "tcp", shared.Process("api-1").Addr())
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		require.NoError(t, client.(*net.TCPConn).SetReadBuffer(16<<10))
		_, err = io.WriteString(client, "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: shop\r\n\r\n")
		require.NoError(t, err)
		answer, err := http.ReadResponse(bufio.NewReaderSize(client, 1024), nil)
		require.NoError(t, err)
		if answer.StatusCode == http.StatusOK {
			served++
			continue
		}
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusTooManyRequests, answer.StatusCode)
		require.Contains(t, string(text), `"code":"caller-busy"`)
		refused++
	}
	require.LessOrEqual(t, served, most)
	require.Equal(t, connections, served+refused)
}
