package drill

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// slowFor is how long something is slow.
const slowFor = 6 * time.Second

// slowFaults are those where something answers, but late.
func slowFaults() []Fault {
	return []Fault{
		{
			Slug:  "replicas-frozen-replay",
			Title: "both replicas frozen while clients send their writes again",
			// Writes resume within 3 s of the replicas' return, which is at most 6 s
			// later: before any write's deadline.
			Promise:  &Promise{WriteGap: 9 * time.Second, ReadGap: 2 * time.Second, Slowest: deadline, Errors: fewErrors, ReadErrors: fewErrors},
			Products: many,
			Variants: []string{"3s", "6s", "1s"},
			Inject:   freezeReplicas,
		},
		{
			Slug:  "slow-replica",
			Title: "a replica stops and goes by turns for 6 s",
			// A write may wait for the time-out of one WAIT (0.5 s) more than once.
			Promise:  &Promise{WriteGap: 2 * time.Second, ReadGap: unseen, Slowest: deadline},
			Variants: []string{"one", "both by turns"},
			Inject:   slowReplica,
		},
		{
			Slug:  "slow-disk",
			Title: "each fsync of one node takes so long, for 6 s",
			// Every group waits for its fsync, and is not lost by it: slower, no more. But a
			// primary each of whose fsyncs takes a second may be silent for longer than
			// down-after, and is replaced then, as a frozen one is.
			Promise:  &Promise{WriteGap: down + 3*time.Second, ReadGap: unseen, Slowest: deadline, Errors: fewErrors, ReadErrors: fewErrors},
			Products: many,
			Variants: []string{"primary 300ms", "replica 300ms", "primary 1s"},
			Needs:    needsStrace,
			Native:   ofAProcess,
			Inject:   slowDisk,
		},
	}
}

func freezeReplicas(ctx context.Context, s *Scene) error {
	d, err := s.Sweep()
	if err != nil {
		return err
	}
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return err
	}
	s.Fault(fmt.Sprintf("%s and %s frozen for %v", replicas[0].Name(), replicas[1].Name(), d))
	err = s.frozen(ctx, d, replicas...)
	s.Heal("both go on")
	return err
}

// slowReplica lets a replica run a fifth of the time: 400 ms at a standstill are
// within what a WAIT waits for, so that some groups are acknowledged by both
// replicas and some by one. By turns, there is always just one that runs.
func slowReplica(ctx context.Context, s *Scene) error {
	const standstill, going = 400 * time.Millisecond, 100 * time.Millisecond
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return err
	}
	slow := replicas[:1]
	if s.Variant == "both by turns" {
		slow = replicas
	}
	s.Fault(fmt.Sprintf("%v at a standstill, %v going: %s", standstill, going, s.Variant))
	for end, turn := time.Now().Add(slowFor), 0; err == nil && time.Now().Before(end); turn++ {
		if err = s.frozen(ctx, standstill, slow[turn%len(slow)]); err == nil {
			err = s.Hold(ctx, going)
		}
	}
	s.Heal("both go at their own pace")
	return err
}

// needsStrace says why fsyncs cannot be delayed here. strace does it from outside,
// to a process that runs already, and for the right call only: a filter in the
// file system would need a kernel module, and a preloaded library another start
// of Redis than the one that ships.
func needsStrace(context.Context) string {
	if _, err := exec.LookPath("strace"); err != nil {
		return "strace is not installed"
	}
	return ""
}

// slowDisk makes the fsyncs of a node slow; with appendfsync always its main
// thread waits for each of them.
func slowDisk(ctx context.Context, s *Scene) error {
	role, text, _ := strings.Cut(s.Variant, " ")
	delay, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("the variant of this run: %w", err)
	}
	node, err := s.Primary(ctx)
	if err == nil && role == "replica" {
		var replicas []Process
		if replicas, err = s.Replicas(ctx); err == nil {
			node = replicas[0]
		}
	}
	if err != nil {
		return err
	}
	s.Fault(fmt.Sprintf("each fdatasync of %s takes %v longer", node.Name(), delay))
	err = s.delayed(ctx, node, delay)
	s.Heal("the disk is as fast as ever")
	return err
}

// delayed holds each fdatasync of a process back for slowFor. strace lets go of
// the process when it is asked to end, and has to be waited for.
func (s *Scene) delayed(ctx context.Context, p Process, by time.Duration) error {
	inject := fmt.Sprintf("--inject=fdatasync:delay_enter=%d", by.Microseconds())
	trace := exec.CommandContext(ctx, "strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", inject, "-p", strconv.Itoa(pid(p)))
	trace.Cancel = func() error { return trace.Process.Signal(syscall.SIGTERM) }
	var said strings.Builder
	trace.Stderr = &said
	if err := trace.Start(); err != nil {
		return err
	}
	err := s.Hold(ctx, slowFor)
	if gone := trace.Process.Signal(syscall.SIGTERM); gone != nil {
		err = errors.Join(err, gone)
	}
	_ = trace.Wait() // how it ended says only that it was asked to
	if !strings.Contains(said.String(), "attached") {
		err = errors.Join(err, fmt.Errorf("strace could not attach: %s", said.String()))
	}
	return err
}
