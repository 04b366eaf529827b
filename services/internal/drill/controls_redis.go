package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// filler is a script that sends so many MiB to each replica, and writes nothing.
const filler = `local mega = string.rep(string.rep('x', 1024), 1024)
for i = 1, ARGV[1] do redis.call('PUBLISH', 'drill:filler', mega) end
return 1`

// killBeforeReplication has the primary take writes that reach no replica, and
// kills it. To stop the replicas is not enough: what is sent to them waits in the
// kernel's socket buffers, and they find it there when they go on. To cut their
// links is too much: a primary without replicas refuses writes. So the buffers are
// filled first, with a message, which goes to replicas and not to the disk; what
// comes later stays in the primary's own memory.
func killBeforeReplication(ctx context.Context, s *Scene) error {
	return unreplicated(ctx, s, func(Process) error { return s.Hold(ctx, unseenFor) })
}

// unseenFor is how long the primary takes writes that reach nobody: less than the
// 2 s after which it refuses them.
const unseenFor = 1200 * time.Millisecond

// killAfterReplays is the same, and the API's connections are cut in between. What
// was under way is submitted again over new ones, is found to be done, and writes
// nothing: a WAIT on a connection that wrote nothing is content with nothing.
func killAfterReplays(ctx context.Context, s *Scene) error {
	return unreplicated(ctx, s, func(primary Process) error {
		err := s.Hold(ctx, secondGroup)
		_, cut := s.Stack.Redis(ctx, primary.Name(), "CLIENT", "KILL", "TYPE", "normal")
		return errors.Join(err, cut, s.Hold(ctx, unseenFor-secondGroup))
	})
}

// unreplicated does something while nothing that is written reaches a replica, and
// kills the primary then.
func unreplicated(ctx context.Context, s *Scene, do func(primary Process) error) error {
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return err
	}
	s.Fault(names(replicas) + " stopped, and what is sent to them is more than their sockets hold")
	err = Each(replicas, Process.Pause)
	if err == nil {
		_, err = s.Stack.Redis(ctx, primary.Name(), "EVAL", filler, "0", strconv.Itoa(socketBuffers()))
	}
	if err == nil {
		err = do(primary)
	}
	s.Step(fmt.Sprintf("%s killed, %s go on", primary.Name(), names(replicas)))
	err = errors.Join(err, primary.Kill(), Each(replicas, Process.Resume))
	if err == nil {
		err = s.Hold(ctx, away)
	}
	err = errors.Join(err, primary.Launch())
	s.Heal(primary.Name() + " started")
	return err
}

// socketBuffers is more, in MiB, than the kernel keeps of what one process of this
// machine sends to another over TCP.
func socketBuffers() int {
	const unknown = 16
	sum := 0
	for _, file := range []string{"tcp_wmem", "tcp_rmem"} {
		text, _ := os.ReadFile("/proc/sys/net/ipv4/" + file)
		bounds := strings.Fields(string(text)) // least, usual, most
		if len(bounds) != 3 {
			return unknown
		}
		most, err := strconv.Atoi(bounds[2])
		if err != nil {
			return unknown
		}
		sum += most
	}
	return sum>>20 + 2
}

// bareFailover has Sentinel replace a primary that is well, while it takes writes.
func bareFailover(ctx context.Context, s *Scene) error {
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	s.Fault("SENTINEL FAILOVER, and " + primary.Name() + " takes writes")
	sentinel := s.Sentinels()[0].Name()
	if _, err := s.Stack.Redis(ctx, sentinel, "SENTINEL", "FAILOVER", s.Stack.Setting("REDIS_MASTER_NAME")); err != nil {
		return err
	}
	next, err := s.AwaitPrimaryOtherThan(ctx, primary)
	if err != nil {
		return err
	}
	s.Heal(next.Name() + " is primary")
	return nil
}

// killWithSlowDisk kills all Redis nodes while the primary's fsyncs take long. Under
// everysec Redis answers meanwhile, and what it answered is in its own memory only.
// The primary starts from its disk, and the replicas, which have it all, follow it.
func killWithSlowDisk(ctx context.Context, s *Scene) error {
	const fsync, slow = 1500 * time.Millisecond, 3 * time.Second
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	s.Fault(fmt.Sprintf("each fdatasync of %s takes %v longer", primary.Name(), fsync))
	var traced error
	over := make(chan struct{})
	go func() { traced = s.delayed(ctx, primary, fsync); close(over) }()
	err = s.Hold(ctx, slow)
	select {
	case <-over: // too early
		return errors.Join(err, traced)
	default:
	}
	nodes := s.Redis()
	s.Step("all Redis nodes killed and started")
	err = errors.Join(err, Each(nodes, Process.Kill), Each(nodes, Process.Launch))
	<-over // with an error, for the process that was slowed has ended
	s.Heal("all Redis nodes started")
	return err
}

// startStaleFirst kills all Redis nodes after one replica missed what the other one
// acknowledged, and starts that one first. It must not come up before the primary:
// after a restart nobody can see what it missed, and Sentinel would promote it.
func startStaleFirst(ctx context.Context, s *Scene) error {
	const behind, patience = 1500 * time.Millisecond, 12 * time.Second
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return err
	}
	stale, good := replicas[0], replicas[1]
	s.Fault(stale.Name() + " stopped, and its link cut")
	err = errors.Join(stale.Pause(), s.unlink(ctx, primary, stale))
	if err == nil {
		err = s.Hold(ctx, behind)
	}
	s.Step("all Redis nodes killed, " + stale.Name() + " started")
	err = errors.Join(err, Each(s.Redis(), Process.Kill), stale.Launch())
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, promoted := s.AwaitPrimaryOtherThan(limited, primary); promoted == nil {
		s.Step(stale.Name() + " was promoted")
	}
	err = Each([]Process{primary, good}, Process.Launch)
	s.Heal(names([]Process{primary, good}) + " started")
	return err
}
