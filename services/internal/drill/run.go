package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/drill/load"
	"evergreen/services/internal/drill/report"
)

// The phases of a run. It should take about 18 s where the fault lets it.
const (
	beforeFault = 3 * time.Second
	afterHeal   = 5 * time.Second
	// resumeWithin is how long the load waits for a write to be answered again.
	resumeWithin = 60 * time.Second
	// usualProducts are twice those with which a failover of 3.5 s was always decided:
	// see Fault.Products.
	usualProducts = 24
	// runWithin bounds a run as a whole, the start of a stack apart.
	runWithin = 4 * time.Minute
)

// runner makes runs, one at a time.
type runner struct {
	shops   *shops
	results report.Results
	show    display
	commit  string
	rate    int           // see Options.Rate
	last    time.Duration // see Scene.Last
}

// errNotMade says that there is nothing to judge: the fault had not begun.
var errNotMade = errors.New("the run was not made")

// task is one run to be made.
type task struct {
	Fault
	variant string
	// attempt counts the runs of a control, from 1, and attempts is after how many of
	// them it should have been red.
	attempt, attempts int
}

// once makes one run of a fault. An error means that there is nothing to record:
// ctx ended, or the shop could not even be started.
func (r *runner) once(ctx context.Context, f task) (report.Run, error) {
	run := report.Run{
		Fault: f.Slug, Title: f.Title, Variant: f.variant, When: time.Now(),
		Control: f.Control != nil, Promised: f.Promise != nil, Commit: r.commit,
	}
	if run.NotApplicable = r.shops.cannot(f.Fault); run.NotApplicable != "" {
		return run, nil
	}
	if f.Needs != nil {
		if run.NotApplicable = f.Needs(ctx); run.NotApplicable != "" {
			return run, nil
		}
	}
	r.show.phase("starting")
	shop, err := r.shops.open(ctx, f.Fault)
	if err != nil {
		return run, errors.Join(errNotMade, err)
	}
	run.Redis, run.DownAfter = shop.redisVersion(ctx), shop.downAfter()
	limited, cancel := context.WithTimeout(ctx, runWithin)
	defer cancel()
	h, err := r.play(limited, shop, f)
	if ctx.Err() != nil {
		return run, errors.Join(errNotMade, ctx.Err())
	}
	r.judge(&run, f, h, err)
	run.Took = time.Since(run.When)
	return run, r.conclude(ctx, f, &run, h)
}

// play is the run itself. A history comes along with an error, as far as it got.
func (r *runner) play(ctx context.Context, shop *shop, f task) (*history.History, error) {
	r.show.phase("preparing")
	scene, err := r.prepare(ctx, shop, f)
	if err != nil {
		return nil, fmt.Errorf("preparing the load: %w", err)
	}
	clients := scene.Load
	clients.Start()
	troubles := []error{r.underLoad(ctx, shop, f, scene)}
	r.show.phase("stopping")
	troubles = append(troubles, clients.Stop(ctx))
	if errors.Join(troubles...) == nil {
		r.show.phase("healing")
		troubles = append(troubles, shop.awaitWhole(ctx))
		scene.Event(history.Quiet, "")
	}
	r.show.phase("auditing")
	h, err := clients.Finish(ctx)
	if err != nil {
		h.Audit = history.Audit{} // half of one would make the rest look lost
	}
	h.Fault, h.Variant, h.DownAfter, h.Fields = f.Slug, f.variant, scene.DownAfter, scene.fields
	stored, missing := scene.stored(ctx)
	h.Audit.Fields = stored
	return h, errors.Join(append(troubles, err, missing)...)
}

// prepare makes the clients, and what they find in the shop.
func (r *runner) prepare(ctx context.Context, shop *shop, f task) (*Scene, error) {
	options := load.Options{
		URL: shop.url, AdminEmail: shop.email, AdminPassword: shop.password,
		Writes: r.rate, Reads: r.rate, Products: cmp.Or(f.Products, usualProducts), Seed: uint64(time.Now().UnixNano()),
	}
	if f.Load != nil {
		f.Load(&options)
	}
	clients, err := load.Prepare(ctx, options)
	if err != nil {
		return nil, err
	}
	scene := &Scene{
		Stack: shop.stack, Load: clients, Variant: f.variant, DownAfter: shop.downAfter(),
		Net: shop.net, Settings: shop.settings, Dir: shop.dir, Last: r.last,
	}
	if f.Furnish != nil {
		err = f.Furnish(ctx, scene)
	}
	return scene, err
}

// underLoad is what happens while the clients are busy.
func (r *runner) underLoad(ctx context.Context, shop *shop, f task, s *Scene) error {
	defer r.show.counting(s.Load.Counts)()
	if shop.stack != nil {
		watching, cancel := context.WithCancel(ctx)
		over := watch(watching, shop.stack, s.Event)
		defer func() { cancel(); <-over }()
	}
	r.show.phase("before the fault")
	if err := s.Hold(ctx, beforeFault); err != nil {
		return err
	}
	r.show.phase("fault")
	if err := f.Inject(ctx, s); err != nil {
		return fmt.Errorf("the fault: %w", err)
	}
	r.show.phase("after the heal")
	if err := resumed(ctx, s); err != nil {
		return err
	}
	return s.Hold(ctx, afterHeal)
}

// resumed returns when a write that began after now is done: the longest gap shall
// not end with the load.
func resumed(ctx context.Context, s *Scene) error {
	ctx, cancel := context.WithTimeout(ctx, resumeWithin)
	defer cancel()
	now := s.Load.Now()
	err := s.Load.Await(ctx, 1, func(op history.Op) bool {
		return op.Kind.Write() && op.Outcome == history.Done && op.Start >= now
	})
	if err != nil {
		return fmt.Errorf("no write succeeded within %v of the heal: %w", resumeWithin, err)
	}
	return nil
}

// judge fills in what the run found. trouble is why it did not get to its end; what
// the clients were promised is judged all the same, if the shop could be audited.
func (r *runner) judge(run *report.Run, f task, h *history.History, trouble error) {
	r.show.phase("checking")
	if h != nil {
		run.Figures, run.Timeline = check.Measure(h), report.NewTimeline(h)
	}
	if h != nil && h.Audit.Products != nil {
		run.Verdict = check.Check(h)
		run.Reasons = reasons(f, h, run.Verdict, run.Figures)
		run.Red = f.Control != nil && red(f.Fault, run.Verdict)
	}
	if trouble != nil {
		run.Reasons = append([]string{"the run did not get to its end: " + trouble.Error()}, run.Reasons...)
	}
}

// conclude keeps what a failed run leaves, records the run, and gives the shop
// back. After a failure the next run gets a new one.
func (r *runner) conclude(ctx context.Context, f task, run *report.Run, h *history.History) error {
	var err error
	if !run.Passed() {
		run.Kept, err = keep(ctx, r.results.Dir, *run, h, r.shops.at())
	}
	return errors.Join(err, r.results.Append(*run), r.shops.used(ctx, !f.ownStack() && run.Passed()))
}
