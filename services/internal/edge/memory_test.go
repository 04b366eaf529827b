package edge

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// memoryKiB is the memory of an nginx: its master and its workers, what they share counted once.
func memoryKiB(t *testing.T, master int) (sum int) {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", master, master))
	require.NoError(t, err)
	share := regexp.MustCompile(`(?m)^Pss:\s+(\d+) kB`)
	for _, process := range append(strings.Fields(string(children)), strconv.Itoa(master)) {
		text, err := os.ReadFile("/proc/" + process + "/smaps_rollup")
		require.NoError(t, err)
		found := share.FindSubmatch(text)
		require.NotNil(t, found)
		n, err := strconv.Atoi(string(found[1]))
		require.NoError(t, err)
		sum += n
	}
	return sum
}

// numbers are those that a pattern finds in the nginx configuration.
func numbers(t *testing.T, e *edge, pattern string) (found []int) {
	t.Helper()
	for _, text := range e.rendered("nginx-a", e.dir) {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			n, err := strconv.Atoi(match[1])
			require.NoError(t, err)
			found = append(found, n)
		}
	}
	return found
}

func TestThePageSaysWhatTheMemoryOfNginxIsFor(t *testing.T) {
	const connections = 2000
	e := newEdge(t)
	nginx := e.startNginx("nginx-a")
	page, err := os.ReadFile("../../../docs/capacity.md")
	require.NoError(t, err)
	documented := func(part string) float64 { return texttest.Figure(t, string(page), part) }

	rest := memoryKiB(t, nginx.Process.Pid)
	for n := range connections {
		e.keep(n%8, "GET /v1/products HTTP/1.1\r\nHost: sh")
	}
	reading := regexp.MustCompile(`Reading: (\d+)`)
	e.eventually(func() bool {
		_, text, err := e.get(e.status("nginx-a", "/stub_status"))
		found := reading.FindStringSubmatch(text)
		if err != nil || len(found) != 2 {
			return false
		}
		now, err := strconv.Atoi(found[1])
		return err == nil && now >= connections
	}, "nginx reads the headers of all of them")
	each := float64(memoryKiB(t, nginx.Process.Pid)-rest) / connections
	t.Logf("%d KiB at rest, %.1f KiB a connection", rest, each)

	places := 2 * numbers(t, e, `worker_connections (\d+);`)[0]
	require.LessOrEqual(t, float64(rest)/1024, documented("nginx at rest"))
	require.LessOrEqual(t, each*float64(places)/1024, documented("connections"))
	require.Greater(t, each*float64(places)/1024, documented("connections")*0.8)
	zones := 0
	for _, size := range numbers(t, e, `zone=\w+:(\d+)m`) {
		zones += size
	}
	require.InDelta(t, zones, documented("counts of addresses"), 0)
	require.InDelta(t, bodiesOfAll, documented("large bodies"), 0)
	require.Equal(t, []int{bodiesOfAll}, numbers(t, e, `limit_conn large_bodies (\d+);`))
}
