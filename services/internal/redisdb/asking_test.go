package redisdb

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wire has what a node was sent, one command a line.
type wire struct {
	mutex sync.Mutex
	lines []string
}

// monitor hears what a node is sent until the test ends.
func monitor(t *testing.T, node string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", nodes.Process(node).Addr())
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "AUTH %s %s\r\nMONITOR\r\n", nodes.Setting("REDIS_ADMIN_USER"), nodes.Setting("REDIS_ADMIN_PASSWORD"))
	require.NoError(t, err)
	lines := bufio.NewScanner(conn)
	for range 2 {
		require.True(t, lines.Scan())
		require.Equal(t, "+OK", lines.Text())
	}
	w := &wire{}
	var reader sync.WaitGroup
	reader.Go(func() {
		for lines.Scan() {
			w.mutex.Lock()
			w.lines = append(w.lines, lines.Text())
			w.mutex.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		reader.Wait()
	})
	return w
}

// last is the last line that has the words.
func (w *wire) last(words string) string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for i := len(w.lines) - 1; i >= 0; i-- {
		if strings.Contains(w.lines[i], words) {
			return w.lines[i]
		}
	}
	return ""
}

// What is sent to Redis counts: the case by which a write was acknowledged follows from it.
func TestAGroupWaitsForEveryReplicaThatFollowsAndForNoOther(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	heard := monitor(t, mustPrimary(t))
	asks := func(replicas int, when string) {
		t.Helper()
		require.Eventually(t, func() bool {
			commitValue(t, db, key)
			return strings.Contains(heard.last(`"WAIT"`), fmt.Sprintf(`"WAIT" "%d"`, replicas))
		}, generous, 10*time.Millisecond, when)
	}
	asks(2, "two follow")
	heal := cutOff(t, eachReplica(t)[0])
	asks(1, "one of them is cut off")
	heal()
	asks(2, "it follows again")
}
