package stack

import (
	"time"

	"github.com/prometheus/procfs"
)

// groupLimit is how long killed processes may take to end: one that waits for its
// disk ends when that has answered.
const groupLimit = 5 * time.Second

// awaitGroup waits until nobody of a process group runs any more, or the limit is
// over. Whoever was killed may still hold its sockets for a moment: of a killed
// nginx, a worker that has not got the processor yet still takes connections.
func awaitGroup(group int, limit time.Duration) {
	for end := time.Now().Add(limit); groupRuns(group) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// groupRuns says whether any process of a group has not ended yet. A zombie has:
// its files and sockets were closed before it became one.
func groupRuns(group int) bool {
	processes, err := procfs.AllProcs()
	if err != nil {
		return false
	}
	for _, process := range processes {
		stat, err := process.Stat()
		if err == nil && stat.PGRP == group && stat.State != "Z" && stat.State != "X" {
			return true
		}
	}
	return false
}
