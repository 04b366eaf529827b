package drill

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// awayFor is how long something that was killed stays away: longer than a
// failover takes.
const awayFor = 8 * time.Second

// sentinelFaults are those of Sentinels, alone and together with the primary.
func sentinelFaults() []Fault {
	each := []string{"sentinel-1", "sentinel-2", "sentinel-3"}
	// Two Sentinels are a majority, so the failover takes no longer. Should each stand
	// for election at the same moment and vote for itself, the next try would come
	// 6 s later (twice failover-timeout): the drill shows whether it does.
	crash := Promise{WriteGap: failover, WriteGapP95: usualFailover, Resumed: failover, ReadGap: unseen, Slowest: deadline, Errors: fewErrors, ReadErrors: fewErrors}
	silent := crash
	silent.WriteGapP95 = 0
	return []Fault{
		{
			Slug:  "sentinel-frozen-failover",
			Title: "a Sentinel is frozen before the primary is killed",
			// The API replicas are subscribed to every Sentinel; the first on their list
			// is the one that a client which listens to one only would have.
			Promise: &silent, Variants: each, Fresh: true, Inject: freezeSentinelAndKillPrimary,
		},
		{
			Slug:    "sentinel-primary-crash",
			Title:   "the primary and a Sentinel are killed at once",
			Promise: &crash, Variants: each, Inject: killSentinelAndPrimary,
		},
		{
			Slug:    "sentinels-frozen",
			Title:   "all three Sentinels frozen for 5 s",
			Promise: &Promise{WriteGap: unseen, ReadGap: unseen, Slowest: deadline}, Fresh: true, Inject: freezeSentinels,
		},
	}
}

// freezeSentinelAndKillPrimary leaves the frozen Sentinel's connections open and
// silent: whoever listens to it alone never hears of the new primary.
func freezeSentinelAndKillPrimary(ctx context.Context, s *Scene) error {
	return s.sentinelAndPrimary(ctx, "frozen", Process.Pause, Process.Resume)
}

func killSentinelAndPrimary(ctx context.Context, s *Scene) error {
	return s.sentinelAndPrimary(ctx, "killed", Process.Kill, Process.Launch)
}

// sentinelAndPrimary does something to the run's Sentinel, kills the primary, and
// undoes both when the failover is long over.
func (s *Scene) sentinelAndPrimary(ctx context.Context, how string, do, undo func(Process) error) error {
	sentinel, err := s.Process(s.Variant)
	if err != nil {
		return err
	}
	primary, err := s.Primary(ctx)
	if err != nil {
		return err
	}
	s.Fault(fmt.Sprintf("%s %s, then %s killed", sentinel.Name(), how, primary.Name()))
	err = errors.Join(do(sentinel), primary.Kill())
	if err == nil {
		err = s.Hold(ctx, awayFor)
	}
	s.Step(fmt.Sprintf("%s and %s come back", primary.Name(), sentinel.Name()))
	err = errors.Join(err, undo(sentinel), s.restart(ctx, primary))
	s.Heal("both are back")
	return err
}

// freezeSentinels must not be visible: nothing of the shop waits for a Sentinel
// as long as the two replicas acknowledge.
func freezeSentinels(ctx context.Context, s *Scene) error {
	const d = 5 * time.Second
	s.Fault(fmt.Sprintf("all Sentinels frozen for %v", d))
	err := s.frozen(ctx, d, s.Sentinels()...)
	s.Heal("they go on")
	return err
}
