package attack

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"evergreen/services/internal/processor"
	"evergreen/services/internal/stack"
)

// Cores is how many cores each part of the shop kept busy on average: "api", "nginx", "redis" and so on, "attack" for this
// program with its other customers, and "elsewhere" for all other programs of the machine.
type Cores map[string]float64

// The parts that are no part of the shop.
const (
	partAttack    = "attack"
	partElsewhere = "elsewhere"
)

// used is the processor time of each part until now. The time of all programs has the name "".
func used(shop *stack.Stack) map[string]time.Duration {
	times := map[string]time.Duration{partAttack: processor.Time(os.Getpid()), "": machineTime()}
	for _, p := range shop.Processes() {
		part, _, _ := strings.Cut(p.Name(), "-")
		if p.PID() == 0 {
			continue // it has ended; 0 is the group of the kernel's own threads
		}
		for _, pid := range processor.Group(p.PID()) {
			times[part] += processor.Time(pid)
		}
	}
	return times
}

// coresBetween is what was used between two readings that lie so long apart.
func coresBetween(before, after map[string]time.Duration, apart time.Duration) Cores {
	cores, known := Cores{}, 0.0
	for part := range after {
		cores[part] = max(0, (after[part]-before[part]).Seconds()/apart.Seconds())
		if part != "" {
			known += cores[part]
		}
	}
	cores[partElsewhere] = max(0, cores[""]-known)
	delete(cores, "")
	return cores
}

// machineTime is how long the cores of the machine have worked, by the kernel's count in hundredths of a second.
func machineTime() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq …
	var ticks int64
	for i, field := range fields {
		if i == 0 || i == 4 || i == 5 || i > 7 {
			continue
		}
		n, _ := strconv.ParseInt(field, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// processors tells how busy the parts were before the attack and during it.
func processors(quiet, during Cores) string {
	var parts []string
	for _, part := range slices.Sorted(maps.Keys(during)) {
		if quiet[part] >= 0.005 || during[part] >= 0.005 {
			parts = append(parts, fmt.Sprintf("%s %.2f -> %.2f", part, quiet[part], during[part]))
		}
	}
	return fmt.Sprintf("%s of %d cores", strings.Join(parts, ", "), runtime.NumCPU())
}
