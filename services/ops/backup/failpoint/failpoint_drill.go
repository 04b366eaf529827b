//go:build drill

package failpoint

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// passed counts how often the chosen failpoint was passed.
var passed atomic.Int64

// Pass kills this process, as SIGKILL does, if BACKUP_FAILPOINT has the name of the point: POINT or POINT:TIMES, to be
// killed when it is passed for the TIMESth time.
func Pass(point string) {
	if !slices.Contains(Points(), point) && !slices.Contains(RestorePoints(), point) {
		panic("there is no failpoint " + point)
	}
	chosen, times, _ := strings.Cut(os.Getenv("BACKUP_FAILPOINT"), ":")
	wanted, err := strconv.ParseInt(times, 10, 64)
	if err != nil {
		wanted = 1
	}
	if chosen == point && passed.Add(1) == wanted {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	}
}
