package scratch

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// AvailableBytes is the memory that a new process may use: what the machine has left, and what the control groups of this
// process leave of their limits. Files that the kernel caches count as left. Without information it is very large.
func AvailableBytes() int64 {
	available := machineBytes()
	for _, dir := range groupDirs() {
		available = min(available, groupBytes(dir))
	}
	return available
}

func machineBytes() int64 {
	text, _ := os.ReadFile("/proc/meminfo")
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) >= 2 && words[0] == "MemAvailable:" {
			if kib, err := strconv.ParseInt(words[1], 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return math.MaxInt64
}

// groupDirs are the directories of this process's control groups that bound memory: of both versions, and their topmost
// ones, which in a container are the container's own.
func groupDirs() []string {
	const mount = "/sys/fs/cgroup"
	dirs := []string{mount, filepath.Join(mount, "memory")}
	groups, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) != 3:
		case parts[1] == "memory":
			dirs = append(dirs, filepath.Join(mount, "memory", parts[2]))
		case parts[0] == "0":
			dirs = append(dirs, filepath.Join(mount, parts[2]))
		}
	}
	return dirs
}

// groupBytes is what one control group leaves of its limit; very large where there is no limit.
func groupBytes(dir string) int64 {
	limit, used := number(dir, "memory.max"), number(dir, "memory.current") // version 2
	cached := "inactive_file"
	if limit < 0 {
		limit, used = number(dir, "memory.limit_in_bytes"), number(dir, "memory.usage_in_bytes")
		cached = "total_inactive_file"
	}
	if limit < 0 || used < 0 {
		return math.MaxInt64
	}
	return max(0, limit-used+inStat(dir, cached))
}

// number reads a file with one number; -1 where there is none, or no limit.
func number(dir, file string) int64 {
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return -1
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func inStat(dir, name string) int64 {
	text, _ := os.ReadFile(filepath.Join(dir, "memory.stat"))
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+" "); found {
			n, _ := strconv.ParseInt(value, 10, 64)
			return n
		}
	}
	return 0
}

// residentBytes is the memory of a process; 0 once it has ended.
func residentBytes(pid int) int64 {
	text, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	words := strings.Fields(string(text))
	if len(words) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(words[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
