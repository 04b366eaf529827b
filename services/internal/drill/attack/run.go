package attack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"evergreen/services/internal/cgroup"
	"evergreen/services/internal/drill"
	"evergreen/services/internal/stack"
)

// The phases of a run.
const (
	// warmUp is for connections and caches; it is measured by no figure.
	warmUp = 2 * time.Second
	// mostQuiet is the longest quiet measurement.
	mostQuiet = 10 * time.Second
	// mostSettling is how long an attack may take to end, after its time.
	mostSettling = 30 * time.Second
)

// runner makes runs, one at a time.
type runner struct {
	notes  io.Writer
	commit string
	dir    string // of results
}

// once makes a run of a class, or of its control. The error says that ctx ended, or that something beside the shop failed.
func (r *runner) once(ctx context.Context, c Class, control bool) (Found, error) {
	f := Found{Class: c.Name, Title: c.Title, Resource: c.Resource, When: time.Now(), Commit: r.commit, Settings: c.Settings}
	if control {
		f.Control = c.Control.name()
	}
	err := r.inShop(ctx, c, control, &f)
	if ctx.Err() != nil {
		return f, ctx.Err()
	}
	if err != nil {
		f.Trouble = err.Error()
	}
	f.judge(c)
	return f, r.append(f)
}

// name is what a control takes out.
func (c Control) name() string {
	if c.Weakness != "" {
		return c.Weakness
	}
	return "changed settings"
}

// inShop starts the shop, makes the attack on it, and stops the shop.
func (r *runner) inShop(ctx context.Context, c Class, control bool, f *Found) (err error) {
	shop, err := openShop(ctx, c, control)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil || f.Control == "" {
			f.Kept = r.keepIfFailed(c, *f, err, shop)
		}
		err = errors.Join(err, shop.close(context.WithoutCancel(ctx)))
	}()
	f.Grouped, f.Ungrouped = len(shop.groups) > 0, shop.ungrouped
	return r.play(ctx, c, shop, f)
}

// play is the run itself.
func (r *runner) play(ctx context.Context, c Class, shop *shop, f *Found) error {
	scene, err := newScene(ctx, shop.stack)
	if err != nil {
		return err
	}
	scene.Size = c.Size
	others, err := newVictims(ctx, scene)
	if err != nil {
		return err
	}
	if c.Setup != nil {
		if err := c.Setup(ctx, scene); err != nil {
			return fmt.Errorf("the setup: %w", err)
		}
	}
	before := lives(shop.stack)
	living, stop := context.WithCancel(ctx)
	wait := others.live(living)
	defer func() { stop(); wait() }()
	if !waitUntil(ctx, time.Now().Add(warmUp)) {
		return ctx.Err()
	}

	quiet, err := r.span(ctx, c, shop, min(c.Lasts, mostQuiet), func(ctx context.Context) error { <-ctx.Done(); return nil })
	if err != nil {
		return err
	}
	during, err := r.span(ctx, c, shop, c.Lasts, func(ctx context.Context) error { return c.Attack(ctx, scene) })
	stop()
	wait()
	f.Lasted, f.Answers = during.to.Sub(during.from), scene.answers()
	f.Figures = scene.figures()
	f.QuietSample, f.MostSample = quiet.most, during.most
	f.QuietCores, f.Cores = quiet.cores, during.cores
	f.Quiet, f.QuietLogIns = latencies(others.between(quiet.from, quiet.to))
	f.During, f.LogIns = latencies(others.between(during.from, during.to))
	f.Ended = ended(before, lives(shop.stack))
	f.Kills = shop.kills()
	return err
}

func latencies(made []request) (rest, logIns Latency) {
	return latency(made, isNoLogIn), latency(made, isLogIn)
}

// span is a measured part of a run.
type span struct {
	from, to time.Time
	most     Sample
	cores    Cores
}

// span measures while do goes on, which is told to end after so long.
func (r *runner) span(ctx context.Context, c Class, shop *shop, long time.Duration, do func(context.Context) error) (span, error) {
	hard, cancel := context.WithTimeout(ctx, long+mostSettling)
	defer cancel()
	watching, stop := context.WithCancel(hard)
	most := (&sampler{shop: shop.stack, gauges: c.Gauges}).watch(watching)
	before := used(shop.stack)
	made := span{from: time.Now()}
	soft, end := context.WithTimeout(hard, long)
	defer end()
	err := do(soft)
	made.to = time.Now()
	made.cores = coresBetween(before, used(shop.stack), made.to.Sub(made.from))
	stop()
	made.most = most()
	if err == nil && ctx.Err() == nil && made.to.Sub(made.from) > long+mostSettling {
		err = errors.New("the attack did not end at its time")
	}
	return made, errors.Join(err, ctx.Err())
}

// lives are the process ids of the shop.
func lives(s *stack.Stack) map[string]int {
	all := map[string]int{}
	for _, p := range s.Processes() {
		all[p.Name()] = p.PID()
	}
	return all
}

// ended names the processes that are not what they were.
func ended(before, after map[string]int) []string {
	var names []string
	for name, pid := range before {
		if after[name] != pid {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// shop is a private stack whose replicas run in memory groups where the machine has them.
type shop struct {
	stack     *stack.Stack
	dir       string // of the scripts that start the replicas
	groups    []*cgroup.Memory
	ungrouped string
}

// openShop starts it.
func openShop(ctx context.Context, c Class, control bool) (*shop, error) {
	// A replica in its container has 128 MB, of which Go is told 100.
	settings := merged(map[string]string{"GOMEMLIMIT": "100MiB"}, c.Settings)
	options := stack.Options{Services: drill.WithoutPrometheus(), Settings: settings}
	var err error
	if options.APIBinary, err = drill.WeakAPI(ctx); err != nil {
		return nil, err
	}
	if control {
		options.Settings = merged(settings, c.Control.Settings, map[string]string{"SHOP_WEAKNESS": c.Control.Weakness})
		if c.Control.Prepare != nil {
			if err := c.Control.Prepare(ctx, &options); err != nil {
				return nil, fmt.Errorf("taking the defence out: %w", err)
			}
		}
	}
	s := &shop{}
	if s.dir, err = os.MkdirTemp("", "evergreen-attack-"); err != nil {
		return nil, err
	}
	if err := s.group(&options); err != nil {
		return nil, errors.Join(err, s.close(ctx))
	}
	if s.stack, err = stack.Start(ctx, options); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the stack: %w", err), s.close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// group has each replica run in a memory group of its own, or notes why not.
func (s *shop) group(o *stack.Options) error {
	o.APIBinaries = map[string]string{}
	for _, name := range []string{"api-1", "api-2"} {
		m, err := cgroup.NewMemory(filepath.Base(s.dir)+"-"+name, replicaBytes)
		if err != nil {
			s.ungrouped = err.Error()
			o.APIBinaries = nil
			return nil //nolint:nilerr // the resident memory is measured in any case
		}
		s.groups = append(s.groups, m)
		o.APIBinaries[name] = filepath.Join(s.dir, name)
		if err := m.Wrap(o.APIBinary, o.APIBinaries[name]); err != nil {
			return err
		}
	}
	return nil
}

func (s *shop) kills() (sum int64) {
	for _, m := range s.groups {
		n, _ := m.Kills()
		sum += n
	}
	return sum
}

func (s *shop) close(ctx context.Context) error {
	var errs []error
	if s.stack != nil {
		errs = append(errs, s.stack.Stop(ctx))
	}
	for _, m := range s.groups {
		errs = append(errs, m.Remove())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
