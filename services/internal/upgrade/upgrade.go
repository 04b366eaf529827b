// Package upgrade brings the native shop of `make up` to another version while it sells, and back: what
// scripts/rolling-upgrade does for the shop in containers. The supervisor that runs may be that of an earlier version. It starts
// again what dies, and so the upgrade changes what a service is started from, ends the service, and waits.
package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"evergreen/services/internal/operate"
	"evergreen/services/internal/stack"
)

// Options say what to upgrade, and how.
type Options struct {
	// Shop is the running shop.
	Shop *stack.Running
	// Program returns the path of the API's new program, which it may have to build. It is not called for Back.
	Program func(context.Context) (string, error)
	// Back goes back to the API's program before the last upgrade.
	Back bool
	// Force renews what has not changed, too.
	Force bool
	// WholeWithin is how long the stack may take to be whole again after a step. 0 means 3 minutes: a Redis node may have all
	// its data to load and to copy.
	WholeWithin time.Duration
	// LeaveWithin is how long an nginx ends its connections before it reads its configuration again. 0 means 3 seconds.
	LeaveWithin time.Duration
	// Out gets one line for each step.
	Out io.Writer
}

// upgrade is one on its way.
type upgrade struct {
	Options
	// program is the new one, and primary who is primary after the last look.
	program, primary string
	step             string
	began            time.Time
	changed          bool
}

// Run does all of it and returns when the shop is whole again, or with the step that failed: then it has stopped there, and
// what was done before stays done. An API program that does not become ready is taken back. Unless the shop is whole, it
// refuses to begin and changes nothing.
func Run(ctx context.Context, o Options) error {
	u := &upgrade{Options: o}
	if u.WholeWithin == 0 {
		u.WholeWithin = 3 * time.Minute
	}
	if u.LeaveWithin == 0 {
		u.LeaveWithin = 3 * time.Second
	}
	began := time.Now()
	for _, stage := range []func(context.Context) error{u.prepare, u.look, u.rights, u.api, u.nginx, u.sentinels, u.nodes, u.watchers} {
		if err := stage(ctx); err != nil {
			return u.stopped(err)
		}
	}
	u.began = began
	u.say("done; the primary is %s", u.primary)
	return nil
}

// stopped says what state things are in.
func (u *upgrade) stopped(err error) error {
	fmt.Fprintf(u.Out, "STOPPED at %s: %v\n", u.step, err)
	if u.changed {
		fmt.Fprintln(u.Out, "What was done before stays done. The status:")
	} else {
		fmt.Fprintln(u.Out, "Nothing was changed. The status:")
	}
	// Not with the upgrade's context: it may have been interrupted.
	if cannot := operate.Status(u.Out, u.Shop.Report(context.Background())); cannot != nil {
		fmt.Fprintln(u.Out, cannot)
	}
	return fmt.Errorf("the upgrade stopped at %s; run it again when the cause is removed, and it goes on", u.step)
}

func (u *upgrade) begin(step string) { u.step, u.began = step, time.Now() }

// say prints one line about a step, with the time that it took.
func (u *upgrade) say(format string, a ...any) {
	fmt.Fprintf(u.Out, "%4.0f s  %s\n", time.Since(u.began).Seconds(), fmt.Sprintf(format, a...))
}

// whole waits until the stack lacks nothing, and learns who is primary.
func (u *upgrade) whole(ctx context.Context, within time.Duration) error {
	if err := operate.Await(ctx, io.Discard, within, u.Shop.Report); err != nil {
		return err
	}
	u.primary = u.Shop.Report(ctx).Primary
	if u.primary == "" {
		return errors.New("no two Sentinels name the same primary")
	}
	return nil
}

func (u *upgrade) prepare(ctx context.Context) (err error) {
	u.begin("the program")
	if u.Back {
		u.program = u.Shop.Program() + ".previous"
		if _, err := os.Stat(u.program); err != nil {
			return fmt.Errorf("there is no program before this one to go back to: %w", err)
		}
	} else if u.program, err = u.Program(ctx); err != nil {
		return err
	}
	u.say("the API's program is there")
	return nil
}

func (u *upgrade) look(ctx context.Context) error {
	u.begin("the look whether all is well")
	if err := u.whole(ctx, 15*time.Second); err != nil {
		return fmt.Errorf("the upgrade does not begin: %w", err)
	}
	u.say("the stack is whole; the primary is %s", u.primary)
	return nil
}

// rights come before the first replica that needs them.
func (u *upgrade) rights(ctx context.Context) error {
	u.begin("the rights of the Redis users")
	u.changed = true
	if err := u.Shop.GrantRights(ctx); err != nil {
		return err
	}
	u.say("the Redis users have the rights of this version")
	return nil
}

func (u *upgrade) nginx(ctx context.Context) error { return u.reload(ctx, "nginx-b", "nginx-a") }

// watchers are those that can be told to read their configuration again. The others stay as `make up` started them.
func (u *upgrade) watchers(ctx context.Context) error {
	return u.reload(ctx, "prometheus", "alertmanager")
}

func (u *upgrade) reload(ctx context.Context, names ...string) error {
	for _, name := range names {
		u.begin(name)
		if stack.Watches(name) && u.Shop.PID(name) == 0 {
			continue // `make up` was told to do without it
		}
		leave := u.LeaveWithin
		if stack.Watches(name) {
			leave = 0
		}
		changed, err := u.Shop.Reload(ctx, name, u.Force, leave)
		if err != nil {
			return err
		}
		if !changed {
			u.say("%s is up to date", name)
			continue
		}
		if err := u.whole(ctx, u.WholeWithin); err != nil {
			return err
		}
		u.say("%s has read its new configuration, and the stack is whole", name)
	}
	return nil
}

func (u *upgrade) sentinels(ctx context.Context) error {
	for _, name := range u.Shop.Names("sentinel-") {
		if err := u.renew(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// nodes are the replicas, then the primary, when it is a replica, too.
func (u *upgrade) nodes(ctx context.Context) error {
	first := u.primary
	for _, name := range u.Shop.Names("redis-") {
		if name == first {
			continue
		}
		if err := u.renew(ctx, name); err != nil {
			return err
		}
	}
	u.begin(first)
	due, err := u.isDue(first)
	if err != nil {
		return err
	}
	if !due {
		u.say("%s is up to date, and stays primary", first)
		return nil
	}
	if err := u.handover(ctx, first); err != nil {
		return err
	}
	return u.renew(ctx, first)
}

func (u *upgrade) handover(ctx context.Context, first string) error {
	u.begin("the handover from " + first)
	began := time.Now()
	err := u.Shop.Handover(ctx, func(format string, a ...any) {
		fmt.Fprintf(u.Out, "            %5.2f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, a...))
	})
	if err != nil {
		return err
	}
	if err := u.whole(ctx, u.WholeWithin); err != nil {
		return err
	}
	if u.primary == first {
		return fmt.Errorf("%s is primary again", first)
	}
	u.say("%s is primary", u.primary)
	return nil
}

func (u *upgrade) isDue(name string) (bool, error) {
	old, err := u.Shop.ReadsOldFiles(name)
	return old || u.Force, err
}

// renew starts a Sentinel or a Redis node anew if that is due, and waits until the stack is whole again.
func (u *upgrade) renew(ctx context.Context, name string) error {
	u.begin(name)
	due, err := u.isDue(name)
	if err != nil {
		return err
	}
	if !due {
		u.say("%s is up to date", name)
		return nil
	}
	return u.anew(ctx, name)
}

func (u *upgrade) anew(ctx context.Context, name string) error {
	limited, cancel := context.WithTimeout(ctx, u.WholeWithin)
	defer cancel()
	if err := u.Shop.Renew(limited, name); err != nil {
		return err
	}
	if err := u.whole(ctx, u.WholeWithin); err != nil {
		return fmt.Errorf("%w; the end of its log:\n%s", err, u.Shop.LogTail(name))
	}
	u.say("%s is made anew, and the stack is whole", name)
	return nil
}

// api replaces the program and then renews the replicas that run another one. If the first does not become ready with it, the
// program before is put back, for the supervisor starts whatever dies from there.
func (u *upgrade) api(ctx context.Context) error {
	u.begin("the API's program")
	if err := u.Shop.Install(u.program); err != nil {
		return err
	}
	for _, name := range u.Shop.Names("api-") {
		u.begin(name)
		same, err := u.Shop.Runs(name, u.Shop.Program())
		if err != nil {
			return err
		}
		if same && !u.Force {
			u.say("%s is up to date", name)
			continue
		}
		if err := u.anew(ctx, name); err != nil {
			return errors.Join(err, u.takeBack(ctx, name))
		}
	}
	return nil
}

// takeBack has one replica run the program before again. It may be on its way up, or end again and again.
func (u *upgrade) takeBack(ctx context.Context, name string) error {
	// An interrupted upgrade leaves no program in place that was not seen to work.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := u.Shop.Install(u.Shop.Program() + ".previous"); err != nil {
		return fmt.Errorf("the program before is not put back: %w", err)
	}
	// What does not work is nothing to go back to.
	if err := os.Remove(u.Shop.Program() + ".previous"); err != nil {
		return err
	}
	if same, err := u.Shop.Runs(name, u.Shop.Program()); err == nil && !same && u.Shop.PID(name) != 0 {
		if err := u.Shop.Renew(ctx, name); err != nil {
			return err
		}
	}
	if err := u.whole(ctx, time.Minute); err != nil {
		return fmt.Errorf("with the program before, too: %w", err)
	}
	u.say("%s runs the program before again, and the stack is whole", name)
	return nil
}
