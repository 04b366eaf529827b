package web

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// usedBytes is what this program's objects and stacks take now.
func usedBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// grownBytes is by how much do makes the program larger, as long as the result of do is kept.
func grownBytes(t *testing.T, do func() any) int64 {
	t.Helper()
	before := usedBytes()
	kept := do()
	grown := usedBytes() - before
	runtime.KeepAlive(kept)
	return grown
}

func TestThePageSaysWhatTheTablesOfCallersTake(t *testing.T) {
	const twice = 2 // more than fit, so that each table is full and has turned over
	ids := make([]string, twice*maxKnownUsers)
	for i := range ids {
		ids[i] = uuid.NewString()
	}
	now := time.Now()
	one := func() int { return 1 }
	grown := grownBytes(t, func() any {
		limits, err := NewLimits(LimitSettings{}, nil, one, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		shop := newDayShop()
		shop.memory = 1 << 30
		day := shop.day(t, DaySettings{Keys: 10, Bytes: 10, SharePercent: 100, AddressPercent: 100})
		for i, id := range ids {
			address := fmt.Sprintf("2001:db8:1234:%04x::/64", i)
			limits.limiter(limits.users, id, 10)
			limits.limiter(limits.addresses, address, 10)
			limits.signIns.count("account "+id, 10, now)
			day.by(id, address)
		}
		require.Equal(t, []int{maxKnownUsers, maxKnownAddresses, maxKnownSignIns, maxKnownUsers, maxKnownAddresses},
			[]int{limits.users.Len(), limits.addresses.Len(), limits.signIns.full.Len(), day.users.Len(), day.addresses.Len()})
		return []any{limits, day}
	})
	t.Logf("%.1f MiB", float64(grown)/mebibyte)
	page, err := os.ReadFile("../../../docs/capacity.md")
	require.NoError(t, err)
	documented := texttest.Figure(t, string(page), "tables of customers and addresses")
	require.InDelta(t, documented, float64(grown)/mebibyte, documented*0.15)
}

// held is a server whose requests wait until they are let go.
func held(t *testing.T, memory *Memory) (server *httptest.Server, letGo func()) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	r, wait := gin.New(), make(chan struct{})
	r.POST("/", memory.Bound, CapBody(MaxBody), func(c *gin.Context) {
		_, _ = io.Copy(io.Discard, c.Request.Body)
		<-wait
	})
	server = httptest.NewServer(r)
	t.Cleanup(server.Close)
	return server, sync.OnceFunc(func() { close(wait) })
}

func TestARequestUnderWayTakesLessThanItCountsFor(t *testing.T) {
	const requests = 400
	memory := NewMemory(64*mebibyte, prometheus.NewRegistry())
	server, letGo := held(t, memory)
	defer letGo()
	header := "POST / HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 2\r\n" +
		"Authorization: Bearer " + uuid.NewString() + uuid.NewString() + "\r\nIdempotency-Key: " + uuid.NewString() + "\r\n\r\n{}"
	var connections []net.Conn
	grown := grownBytes(t, func() any {
		for range requests {
			connection, err := net.Dial("tcp", server.Listener.Addr().String())
			require.NoError(t, err)
			t.Cleanup(func() { _ = connection.Close() })
			_, err = io.WriteString(connection, header)
			require.NoError(t, err)
			connections = append(connections, connection)
		}
		require.Eventually(t, func() bool { return memory.heldBytes() >= requests*requestBytes }, 10*time.Second, time.Millisecond)
		return connections
	})
	t.Logf("%d bytes a request", grown/requests)
	require.Less(t, grown/requests, int64(requestBytes))
	require.Positive(t, grown)
	letGo()
}
