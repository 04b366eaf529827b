package drill

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/stack"
)

// storageFaults are what happens when there is no more room.
func storageFaults() []Fault {
	return []Fault{
		{
			Slug: "memory-full", Title: "Redis's memory full, then not",
			Promise:  &Promise{AfterHeal: 3 * time.Second, ReadGap: unseen, Slowest: deadline, Errors: anyErrors, ReadErrors: fewErrors},
			Settings: littleMemory(), Inject: memoryFull,
		}, {
			Slug: "disk-full", Title: "the primary's disk full; started again with room 4 s later",
			Promise: &Promise{WriteGap: failover, Resumed: failover, ReadGap: unseen, Slowest: deadline, Errors: fewErrors, ReadErrors: fewErrors},
			Prepare: fullDisksKillNobody, Native: ofAProcess, Inject: diskFull,
		}, {
			Slug: "disk-full-all", Title: "all Redis nodes' disks full; started again with room 4 s later",
			Promise:  &Promise{AfterHeal: 40 * time.Second, Slowest: deadline, Errors: anyErrors, ReadErrors: anyErrors},
			Products: many, Prepare: fullDisksKillNobody, Native: ofAProcess, Inject: diskFullAll,
		},
	}
}

// littleMemory leaves little beside the replication backlog, which counts.
func littleMemory() map[string]string { return map[string]string{"REDIS_MAXMEMORY": "64mb"} }

// memoryFull fills the primary with what is not the shop's, as an operator could,
// and removes it again. The shop has to say clearly why it refuses.
func memoryFull(ctx context.Context, s *Scene) error {
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	s.Fault("the memory of " + primary.Name() + " is filled")
	filled, err := fill(ctx, s, primary)
	if err != nil {
		return err
	}
	s.Step("the memory is full")
	limited, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if err := s.Load.Await(limited, 1, func(op history.Op) bool { return op.Code == "storage-full" }); err != nil {
		return fmt.Errorf("no write was refused with storage-full: %w", err)
	}
	if err := s.Hold(ctx, away); err != nil {
		return err
	}
	if _, err := s.Stack.Redis(ctx, primary.Name(), append([]string{"UNLINK"}, filled...)...); err != nil {
		return err
	}
	s.Heal("there is room again")
	return nil
}

// fill writes until Redis refuses, and lists the keys.
func fill(ctx context.Context, s *Scene, primary Process) ([]string, error) {
	const most, piece = 1000, 256 << 10
	value := strings.Repeat("x", piece)
	var keys []string
	for i := range most {
		key := "drill:filler:" + strconv.Itoa(i)
		_, err := s.Stack.Redis(ctx, primary.Name(), "SET", key, value)
		switch {
		case err == nil:
			keys = append(keys, key)
		case strings.Contains(err.Error(), "OOM"):
			return keys, nil
		default:
			return nil, err
		}
	}
	return nil, fmt.Errorf("%d MiB did not fill the memory", most*piece>>20)
}

// fullDisksKillNobody has what the drill starts from here on ignore SIGXFSZ, as
// children inherit it: a write beyond the limit of a file's size then fails like
// one on a full disk, where it would otherwise end the process.
func fullDisksKillNobody(context.Context, *stack.Options) error {
	signal.Ignore(unix.SIGXFSZ)
	return nil
}

func diskFull(ctx context.Context, s *Scene) error {
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	return fullDisks(ctx, s, primary)
}

func diskFullAll(ctx context.Context, s *Scene) error { return fullDisks(ctx, s, s.Redis()...) }

// fullDisks forbids the nodes to let a file grow beyond what their append-only
// files are now. Redis ends at the first write that fails. Of three nodes two end,
// one as primary after the other; the last has nobody to hold its writes, so it
// takes none and goes on.
func fullDisks(ctx context.Context, s *Scene, nodes ...Process) error {
	s.Fault("no more room for " + names(nodes))
	for _, node := range nodes {
		size, err := largestFile(filepath.Join(s.Dir, node.Name(), "data", "appendonlydir"))
		if err == nil {
			err = limitFiles(node, uint64(size))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", node.Name(), err)
		}
	}
	limited, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := until(limited, func(context.Context) error { return haveEnded(nodes, min(len(nodes), 2)) }); err != nil {
		return fmt.Errorf("a node goes on that cannot write: %w", err)
	}
	s.Step("enough of them have ended")
	if err := s.Hold(ctx, away); err != nil {
		return err
	}
	for _, node := range nodes {
		if err := makeRoom(node); err != nil {
			return fmt.Errorf("%s: %w", node.Name(), err)
		}
	}
	s.Heal("there is room again")
	return nil
}

// makeRoom starts what has ended; a new life has no limit.
func makeRoom(node Process) error {
	if pid(node) != 0 {
		return limitFiles(node, unix.RLIM_INFINITY)
	}
	return node.Launch()
}

func haveEnded(nodes []Process, wanted int) error {
	ended := 0
	for _, node := range nodes {
		if pid(node) == 0 {
			ended++
		}
	}
	if ended < wanted {
		return fmt.Errorf("%d of %d have ended", ended, wanted)
	}
	return nil
}

// limitFiles forbids a running server to write beyond so many bytes of a file.
func limitFiles(node Process, size uint64) error {
	limit := unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}
	return unix.Prlimit(pid(node), unix.RLIMIT_FSIZE, &limit, nil)
}

// largestFile is the size of the largest file in a directory, in bytes.
func largestFile(dir string) (int64, error) {
	var largest int64
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		largest = max(largest, info.Size())
		return nil
	})
	return largest, err
}
