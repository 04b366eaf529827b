package capacity

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/processor"
	"evergreen/services/internal/stack"
)

// mostIdleMegabytes is what the whole shop may take when nobody uses it.
const mostIdleMegabytes = 600

// TestTheIdleShopWithItsBackupServiceTakesLittleMemory prints what each service takes a minute after the start. It runs only
// with IDLE=1, because it waits for that minute.
func TestTheIdleShopWithItsBackupServiceTakesLittleMemory(t *testing.T) {
	if os.Getenv("IDLE") == "" {
		t.Skip("IDLE=1 runs it: over a minute")
	}
	services := append(stack.Everything(), stack.Observers()...)
	if !strings.Contains(strings.Join(services, " "), stack.BackupName) {
		services = append(services, stack.BackupName)
	}
	s := stack.StartT(t, stack.Options{Services: services})
	<-time.After(time.Minute) // the measurement is of a shop that has been idle for so long
	total := 0
	for _, name := range services {
		kilobytes := 0
		for _, pid := range processor.Group(s.Process(name).PID()) {
			kilobytes += proportionalKilobytes(t, pid)
		}
		require.Positive(t, kilobytes, name)
		t.Logf("%s %s", name, megabytes(kilobytes))
		total += kilobytes
	}
	t.Logf("in all %s", megabytes(total))
	require.Less(t, total, mostIdleMegabytes<<10)
}

func megabytes(kilobytes int) string { return fmt.Sprintf("%.1f MB", float64(kilobytes)/1024) }

// proportionalKilobytes is what a process takes; memory that processes share is divided among them.
func proportionalKilobytes(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if os.IsNotExist(err) {
		return 0 // it has ended
	}
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^Pss:\s+(\d+) kB`).FindSubmatch(text)
	require.NotNil(t, found)
	n, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	return n
}
