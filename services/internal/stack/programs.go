package stack

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// OlderPrograms names the API processes of the native stack in dir, stopped (frozen)
// ones included, whose program does not know a layout of the data. It asks what the
// supervisor has written down and the kernel, not Redis: a frozen replica gives no sign
// of life there. A program that does not answer counts as older.
func OlderPrograms(ctx context.Context, dir string, layout int) (older []string) {
	running := apiProcesses(dir)
	for _, pid := range slices.Sorted(maps.Keys(running)) {
		if known := layoutOf(ctx, pid); known < layout {
			older = append(older, fmt.Sprintf("%s (process %d) runs a program of layout %d", running[pid], pid, known))
		}
	}
	return older
}

// apiProcesses are those that the supervisor has started, by the files with their
// numbers, and every other one whose program lies in dir.
func apiProcesses(dir string) map[int]string {
	running := map[int]string{}
	programs, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range programs {
		program, err := os.Readlink(link)
		if err == nil && filepath.Dir(program) == dir && strings.HasPrefix(filepath.Base(program), "api") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			running[pid] = "an API process"
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "run", "api-*.pid"))
	for _, file := range files {
		if pid := readPID(file); pid != 0 {
			running[pid] = strings.TrimSuffix(filepath.Base(file), ".pid")
		}
	}
	return running
}

// layoutOf asks the program of a process for the newest layout that it knows. The
// first release does not know the question: layout 1.
func layoutOf(ctx context.Context, pid int) int {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, fmt.Sprintf("/proc/%d/exe", pid), "layout")
	command.Dir = "/"
	command.Env = []string{}
	said, err := command.Output()
	if err != nil {
		return 1
	}
	layout, err := strconv.Atoi(strings.TrimSpace(string(said)))
	if err != nil {
		return 1
	}
	return layout
}
