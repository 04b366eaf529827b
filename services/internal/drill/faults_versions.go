package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/drill/load"
	"evergreen/services/internal/release"
	"evergreen/services/internal/stack"
)

// versionFaults are upgrades: the release before this version, and this version, serve one shop.
func versionFaults() []Fault {
	up := &upgrade{}
	return []Fault{
		{
			Slug:    "mixed-versions",
			Title:   "the release before on one API replica, this version on the other; the primary killed, started again 4 s later",
			Promise: silentPrimary(), Needs: needsHistory, Native: ofAProcess, Load: retriesAndMembers, Furnish: plant,
			Prepare: sideBySide(nil), Inject: mixedVersions,
		}, {
			Slug:    "upgrade-rollback",
			Title:   "the API replicas upgraded from the release before, one by one, then rolled back, then upgraded again",
			Promise: &Promise{WriteGap: unseen, ReadGap: unseen, Slowest: deadline}, Needs: needsHistory, Native: ofAProcess,
			Load: manyRetries, Furnish: plant, Prepare: up.prepare, Inject: up.inject,
		},
	}
}

// The names of the two versions in a history.
const newVersion = "v" + release.Version

func oldVersion() string { return release.Previous[:7] }

// needsHistory: the release before is built from the history of the clone.
func needsHistory(ctx context.Context) string {
	root, err := stack.Root()
	if err == nil {
		_, err = release.Commit(ctx, root, release.Previous)
	}
	if err != nil {
		return "the release before this version cannot be built: " + err.Error()
	}
	return ""
}

func oldAPI(ctx context.Context) (string, error) {
	root, err := stack.Root()
	if err != nil {
		return "", err
	}
	return release.Build(ctx, root, release.Previous, "api")
}

// manyRetries has three quarters of the writes with a key sent again after they were answered. nginx gives half of these to
// the other API replica. With a third, a run at 50 writes a second had too few refusals that crossed.
func manyRetries(o *load.Options) { o.Again = 75 }

// membersProducts is how many products have a member that only a newer version knows.
const membersProducts = 3

// retriesAndMembers is manyRetries, and some products are edited by this version alone: the release before drops members
// that it does not know.
func retriesAndMembers(o *load.Options) {
	manyRetries(o)
	o.Unedited = membersProducts
}

// sideBySide gives the Prepare of a shop whose api-1 is the release before, and whose api-2 is this version, with more
// changed by also.
func sideBySide(also func(context.Context, *stack.Options) error) func(context.Context, *stack.Options) error {
	return func(ctx context.Context, o *stack.Options) error {
		old, err := oldAPI(ctx)
		if err != nil {
			return err
		}
		o.APIBinaries = map[string]string{"api-1": old}
		setAll(o, map[string]string{"FIRST_LAYOUT": "1"}) // a layout that the release before writes
		if also == nil {
			return nil
		}
		return also(ctx, o)
	}
}

// The times of an upgrade under load.
const (
	// abandonedPurchases have reservations that end one after the other, the first after firstEnd.
	abandonedPurchases = 40
	firstEnd           = 500 * time.Millisecond
	// mixedFor is how long two versions serve before the primary is killed.
	mixedFor = 2 * time.Second
	// betweenSteps is how long the load goes on between two replicas.
	betweenSteps = 800 * time.Millisecond
	// editsPerSecond is how often the products with such a member are edited.
	editsPerSecond = 10
)

// mixedVersions kills the primary while both versions sell, edit and expire.
func mixedVersions(ctx context.Context, s *Scene) error {
	s.Load.Program("api-1", oldVersion())
	s.Load.Program("api-2", newVersion)
	this, err := s.Process("api-2")
	if err != nil {
		return err
	}
	s.Load.Edits("http://"+this.Addr(), editsPerSecond)
	if err := s.abandon(ctx, abandonedPurchases, mixedFor+away); err != nil {
		return err
	}
	if err := s.Hold(ctx, mixedFor); err != nil {
		return err
	}
	if err := crashed(ctx, s, away); err != nil {
		return err
	}
	return s.sweepsOfBoth(ctx)
}

// sweepsOfBoth returns when the sweepers of both replicas have expired a purchase. They race for each one, so more
// reservations end until both have won.
func (s *Scene) sweepsOfBoth(ctx context.Context) error {
	for {
		err := s.sweptBy(ctx, "api-1", "api-2")
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err := s.abandon(ctx, abandonedPurchases, mixedFor); err != nil {
			return err
		}
	}
}

// upgrade are the programs of an upgrade and its way back, and the files that the stack runs from: first those of the
// release before.
type upgrade struct{ old, next, root, files string }

// prepare has everything begin as the release before.
func (u *upgrade) prepare(ctx context.Context, o *stack.Options) (err error) {
	if u.old, err = oldAPI(ctx); err != nil {
		return err
	}
	o.APIBinaries = map[string]string{"api-1": u.old, "api-2": u.old}
	if u.next, err = shippedAPI(ctx); err != nil {
		return err
	}
	if u.root, err = stack.Root(); err != nil {
		return err
	}
	before, err := release.Files(ctx, u.root, release.Previous)
	if err != nil {
		return err
	}
	u.files = filepath.Join(u.root, ".data", "drill-files", fmt.Sprintf("upgrade-rollback-%d", os.Getpid()))
	o.Files = u.files
	return errors.Join(os.RemoveAll(u.files), changedFiles(before, u.files, nil))
}

// inject removes the files at its end: nothing of this stack is started after it.
func (u *upgrade) inject(ctx context.Context, s *Scene) error {
	defer func() { _ = os.RemoveAll(u.files) }()
	s.Load.Program("api-1", oldVersion())
	s.Load.Program("api-2", oldVersion())
	if err := s.abandon(ctx, abandonedPurchases, 6*(time.Second+betweenSteps)); err != nil {
		return err
	}
	s.Fault("the upgrade to " + newVersion + " begins")
	if err := u.grantRights(ctx, s); err != nil {
		return err
	}
	s.Step("the running nodes and Sentinels have granted the rights of " + newVersion)
	for _, step := range []struct{ version, program, done string }{
		{newVersion, u.next, "upgraded"}, {oldVersion(), u.old, "rolled back"}, {newVersion, u.next, "upgraded again"},
	} {
		for _, replica := range []string{"api-1", "api-2"} {
			if err := s.exchange(ctx, replica, step.version, step.program); err != nil {
				return err
			}
			s.Step(fmt.Sprintf("%s is %s to %s", replica, step.done, step.version))
			if err := s.Hold(ctx, betweenSteps); err != nil {
				return err
			}
			if replica == "api-1" {
				s.awaitCrossings(ctx)
			}
		}
	}
	s.Heal("both replicas are " + newVersion)
	return nil
}

// crossWithin is how long a step of an upgrade is held so that retries cross. A run without them is judged as one that
// lacks what it is there to show.
const crossWithin = 10 * time.Second

// awaitCrossings returns when, from now on, retries have crossed from each of the two replicas to the other: of an effect
// and of a refusal.
func (s *Scene) awaitCrossings(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, crossWithin)
	defer cancel()
	// The judge tells of what is missing.
	_ = s.Load.Await(ctx, 4, newCrossings(s.Load.Now()))
}

// newCrossings accepts the first operation of each kind of crossing among those that began after a time.
func newCrossings(after time.Duration) func(history.Op) bool {
	type kind struct {
		from    string
		outcome history.Outcome
	}
	answers, seen := map[int][]history.Op{}, map[kind]bool{}
	return func(op history.Op) bool {
		answered := op.Outcome == history.Done || op.Outcome == history.Refused
		if op.Key == "" || !op.Kind.Write() || !answered || op.Start < after {
			return false
		}
		before := len(seen)
		for _, first := range answers[op.Logical] {
			if first.ServedBy != op.ServedBy && first.End <= op.Start {
				seen[kind{first.ServedBy, first.Outcome}] = true
			}
		}
		answers[op.Logical] = append(answers[op.Logical], op)
		return len(seen) > before
	}
}

// grantRights puts this version's files in place of those of the release before, and grants the rights that they have. The
// API of this version needs them.
func (u *upgrade) grantRights(ctx context.Context, s *Scene) error {
	if err := changedFiles(u.root, u.files, nil); err != nil {
		return err
	}
	granting, can := s.Stack.(interface {
		GrantRights(ctx context.Context) error
	})
	if !can {
		return errNoRights
	}
	return granting.GrantRights(ctx)
}

var errNoRights = errors.New("the rights of this shop's Redis users cannot be changed")

// exchangeable is a process whose program can be exchanged.
type exchangeable interface {
	Use(program string)
	Terminate(ctx context.Context) error
}

var errOneProgram = errors.New("its program cannot be exchanged")

// exchange ends an API replica as its program likes to, and starts another program in its place.
func (s *Scene) exchange(ctx context.Context, replica, version, program string) error {
	p, err := s.Process(replica)
	if err != nil {
		return err
	}
	e, can := p.(exchangeable)
	if !can {
		return fmt.Errorf("%s: %w", replica, errOneProgram)
	}
	if err := e.Terminate(ctx); err != nil {
		return err
	}
	e.Use(program)
	s.Load.Program(replica, version)
	return s.restart(ctx, p)
}
