package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// unpromisedFaults are counted only: docs/reliability.md publishes what they cost.
func unpromisedFaults() []Fault {
	return []Fault{{
		Slug:  "stale-replica-left",
		Title: "only the replica that missed the last writes is left for 15 s",
		// "frozen": Sentinel takes it for alive when the two others die, and promotes
		// it, for there is nobody else. "killed": it starts without anyone to follow,
		// and the boot rule keeps it waiting.
		Products: many,
		Variants: []string{"frozen", "killed"},
		Fresh:    true,
		Inject:   leaveStaleReplica,
	}}
}

// leaveStaleReplica takes one replica away, its link to the primary too; what is written then is acknowledged
// by the other one. Then that one and the primary die, and the first comes back
// to be all there is.
func leaveStaleReplica(ctx context.Context, s *Scene) error {
	const behind, alone = 1500 * time.Millisecond, 15 * time.Second
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return err
	}
	stale, good := replicas[0], replicas[1]
	away, back := stale.Pause, stale.Resume
	if s.Variant == "killed" {
		away, back = stale.Kill, stale.Launch
	}
	s.Fault(stale.Name() + " " + s.Variant)
	err = errors.Join(away(), s.unlink(ctx, primary, stale))
	if err == nil {
		err = s.Hold(ctx, behind)
	}
	s.Step(fmt.Sprintf("%s and %s killed, %s comes back", primary.Name(), good.Name(), stale.Name()))
	err = errors.Join(err, Each([]Process{primary, good}, Process.Kill), back())
	if err == nil {
		err = s.Hold(ctx, alone)
	}
	s.Step(fmt.Sprintf("%s and %s come back", primary.Name(), good.Name()))
	err = errors.Join(err, s.restart(ctx, primary, good))
	s.Heal("all three nodes are up")
	return err
}

// unlink has the primary close its link to a replica. What it sends to a frozen one
// waits in the sockets' buffers otherwise, and is there when that one wakes up.
func (s *Scene) unlink(ctx context.Context, primary, replica Process) error {
	links, err := s.Stack.Redis(ctx, primary.Name(), "CLIENT", "LIST", "TYPE", "replica")
	if err != nil {
		return err
	}
	ip, _, _ := strings.Cut(replica.Addr(), ":")
	for link := range strings.Lines(links) {
		if id, _, found := strings.Cut(link, " addr="+ip+":"); found {
			_, err = s.Stack.Redis(ctx, primary.Name(), "CLIENT", "KILL", "ID", strings.TrimPrefix(id, "id="))
			return err
		}
	}
	return nil
}
