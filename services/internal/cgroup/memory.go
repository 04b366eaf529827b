// Package cgroup bounds the memory of a process of this machine as a container's limit does: the kernel kills the process
// when it needs more. Both versions of Linux's control groups are known. It needs the right to make a group, which root has.
package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mount is where Linux shows control groups.
const mount = "/sys/fs/cgroup"

// Memory is a control group with a bound on its memory.
type Memory struct {
	dir   string
	files files
}

// files are the names of a version's files.
type files struct{ limit, usage, peak, events string }

func version1() files {
	return files{"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control"}
}

func version2() files {
	return files{"memory.max", "memory.current", "memory.peak", "memory.events"}
}

// NewMemory makes a group of this name, unique on the machine, whose processes have limitBytes of memory together and no
// swap. The error says why this machine has no such group. End it with Remove.
func NewMemory(name string, limitBytes int64) (*Memory, error) {
	var failures []error
	for _, place := range places() {
		m := &Memory{dir: filepath.Join(place.dir, name), files: place.files}
		if err := m.make(limitBytes); err != nil {
			failures = append(failures, err)
			continue
		}
		return m, nil
	}
	return nil, fmt.Errorf("no memory group can be made here: %w", errors.Join(failures...))
}

// place is a directory in which groups may be made.
type place struct {
	dir   string
	files files
}

// places are this process's own group and the topmost one, of both versions: which of them allows it depends on the machine.
func places() []place {
	all := []place{{filepath.Join(mount, "memory"), version1()}, {mount, version2()}}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return all
	}
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) != 3:
		case parts[1] == "memory":
			all = append(all, place{filepath.Join(mount, "memory", parts[2]), version1()})
		case parts[0] == "0":
			all = append(all, place{filepath.Join(mount, parts[2]), version2()})
		}
	}
	return all
}

func (m *Memory) make(limitBytes int64) error {
	if err := os.Mkdir(m.dir, 0o755); err != nil {
		return err
	}
	limit := strconv.FormatInt(limitBytes, 10)
	if err := m.write(m.files.limit, limit); err != nil {
		return errors.Join(err, os.Remove(m.dir))
	}
	// Not every kernel counts swap, and without swap there is nothing to bound.
	_ = m.write("memory.memsw.limit_in_bytes", limit)
	_ = m.write("memory.swap.max", "0")
	return nil
}

func (m *Memory) write(file, text string) error {
	path := filepath.Join(m.dir, file)
	if _, err := os.Stat(path); err != nil {
		return err // a write would make a file where a plain directory stands
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// Wrap writes a script to path that runs program, with the arguments of the script, as a process of this group.
func (m *Memory) Wrap(program, path string) error {
	text := fmt.Sprintf("#!/bin/sh\necho $$ >'%s' && exec '%s' \"$@\"\n", filepath.Join(m.dir, "cgroup.procs"), program)
	return os.WriteFile(path, []byte(text), 0o755)
}

// UsageBytes is the memory that the group has now, cached files included.
func (m *Memory) UsageBytes() (int64, error) { return m.number(m.files.usage) }

// PeakBytes is the most that UsageBytes has been. Version 2 tells it from Linux 5.19 on.
func (m *Memory) PeakBytes() (int64, error) { return m.number(m.files.peak) }

func (m *Memory) number(file string) (int64, error) {
	text, err := os.ReadFile(filepath.Join(m.dir, file))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// Kills is how many processes of the group the kernel has killed for want of memory.
func (m *Memory) Kills() (int64, error) {
	text, err := os.ReadFile(filepath.Join(m.dir, m.files.events))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if count, found := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); found {
			return strconv.ParseInt(count, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s counts no kills", m.files.events)
}

// endsWithin is how long a process that was ended may take to leave its group.
const endsWithin = 5 * time.Second

// Remove removes the group once its processes have ended. The kernel says that a group is busy until the last of them
// has left it, which is a moment after its end.
func (m *Memory) Remove() error {
	deadline := time.Now().Add(endsWithin)
	for {
		err := os.Remove(m.dir)
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}
