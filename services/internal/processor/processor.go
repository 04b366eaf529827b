// Package processor reads from the kernel how much processor time processes have used.
package processor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Time is how long all threads of a process have run, in nanoseconds' resolution (schedstat's first figure). Threads that
// have ended are not counted; those of a Go program, of Redis and of nginx stay. It is 0 for a process that has ended.
func Time(pid int) (sum time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue
		}
		if first, _, found := strings.Cut(string(text), " "); found {
			ran, _ := strconv.ParseInt(first, 10, 64)
			sum += time.Duration(ran)
		}
	}
	return sum
}

// Group lists the processes of a process group.
func Group(id int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		// The program's name, in parentheses, may hold anything; state, parent and group follow it.
		_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
		fields := strings.Fields(rest)
		if len(fields) < 3 || fields[2] != strconv.Itoa(id) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
