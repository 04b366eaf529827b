package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"evergreen/services/internal/stack"
)

// runsPerStack is after how many runs a stack is replaced, so that what earlier
// runs left in it (purchases that expire, large files) does not slow the later ones.
const runsPerStack = 20

// shops gives each run a whole shop. A private stack serves runs of different
// faults one after the other, until one fails or asks for a stack of its own: to
// start one takes longer than many a fault.
type shops struct {
	somebodyElses *shop // nil: private stacks are started

	current *shop
	started *stack.Stack // current's
	runs    int
}

// open gives a whole shop for a run of f.
func (s *shops) open(ctx context.Context, f Fault) (*shop, error) {
	if s.somebodyElses != nil {
		err := s.somebodyElses.awaitWhole(ctx)
		s.runs += count(err == nil)
		return s.somebodyElses, err
	}
	if s.current != nil && (f.ownStack() || s.runs >= runsPerStack || s.current.awaitWhole(ctx) != nil) {
		if err := s.close(ctx); err != nil {
			return nil, err
		}
	}
	if s.current == nil {
		if err := s.start(ctx, f); err != nil {
			return nil, err
		}
	}
	s.runs++
	return s.current, nil
}

func (s *shops) start(ctx context.Context, f Fault) error {
	options := stack.Options{Services: WithoutPrometheus(), Settings: stack.WithHighQuotas(nil)}
	setAll(&options, f.Settings)
	if f.Prepare != nil {
		if err := f.Prepare(ctx, &options); err != nil {
			return fmt.Errorf("preparing the stack for %s: %w", f.Slug, err)
		}
	}
	started, err := stack.Start(ctx, options)
	if err != nil {
		return fmt.Errorf("starting the stack: %w", err)
	}
	s.current, s.started, s.runs = private(started), started, 0
	if err := s.current.awaitWhole(ctx); err != nil {
		return errors.Join(err, s.close(ctx))
	}
	return nil
}

// used ends a run; the next one of another fault gets the same stack if again is
// set.
func (s *shops) used(ctx context.Context, again bool) error {
	switch {
	case again:
		return nil
	case s.somebodyElses != nil:
		return s.mended(ctx)
	}
	return s.close(ctx)
}

// mended undoes what runs have left in somebody else's shop. What it lacked before the
// first one is somebody's own affair.
func (s *shops) mended(ctx context.Context) error {
	if s.somebodyElses.mend == nil || s.runs == 0 {
		return nil
	}
	if err := s.somebodyElses.mend(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("undoing what was done to the shop: %w", err)
	}
	return nil
}

// at is the shop that the present run is made against; nil if there is none.
func (s *shops) at() *shop {
	if s.somebodyElses != nil {
		return s.somebodyElses
	}
	return s.current
}

// cannot says why a fault cannot be done here, or "".
func (s *shops) cannot(f Fault) string {
	if s.somebodyElses == nil || s.somebodyElses.stack == nil {
		return f.Containers
	}
	switch {
	case f.Native != "":
		return f.Native
	case f.Prepare != nil:
		return "the programs or files of the shop are changed for it"
	}
	for name, value := range f.Settings {
		if has := s.somebodyElses.stack.Setting(name); has != value {
			return fmt.Sprintf("the shop has to be started with %s=%s, and this one has %s", name, value, cmp.Or(has, "none"))
		}
	}
	return ""
}

// close stops the private stack, or leaves somebody else's as it was, also when ctx
// has ended.
func (s *shops) close(ctx context.Context) error {
	if s.somebodyElses != nil {
		err := s.mended(ctx)
		if s.somebodyElses.leave != nil {
			s.somebodyElses.leave()
		}
		return err
	}
	if s.current == nil {
		return nil
	}
	stopped := s.started
	s.current, s.started = nil, nil
	if err := stopped.Stop(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("stopping the stack: %w", err)
	}
	return nil
}

// WithoutPrometheus is what the drill starts: it measures by itself.
func WithoutPrometheus() []string {
	return slices.DeleteFunc(stack.Everything(), func(name string) bool { return name == "prometheus" })
}

// downAfter is Sentinel's patience in this shop.
func (s *shop) downAfter() time.Duration {
	milliseconds, err := strconv.Atoi(s.settings["SENTINEL_DOWN_AFTER_MS"])
	if err != nil {
		return down
	}
	return time.Duration(milliseconds) * time.Millisecond
}

// redisVersion asks a node; "" if nobody can be asked.
func (s *shop) redisVersion(ctx context.Context) string {
	if s.stack == nil {
		return ""
	}
	info, _ := s.stack.Redis(ctx, "redis-1", "INFO", "server")
	for line := range strings.Lines(info) {
		if version, found := strings.CutPrefix(strings.TrimSpace(line), "redis_version:"); found {
			return version
		}
	}
	return ""
}
